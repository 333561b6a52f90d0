"""A real Airflow on this machine, as separate processes, for the demo and for tests.

>>> with AirflowLab(Path("home"), dag_folders=[Path("dags_examples")]) as lab:
...     lab.client.unpause("my_dag")
...     run = lab.client.trigger("my_dag")
...     lab.client.wait_for_run(run)
"""

from tools.lab.airflow_lab import AirflowLab
from tools.lab.apify import ApifyServer
from tools.lab.client import FINISHED_RUN_STATES, AirflowClient, AirflowRequestError, DagRunKey, TaskInstance
from tools.lab.component import Component, LabError
from tools.lab.waiting import wait_until

__all__ = [
    "FINISHED_RUN_STATES",
    "AirflowClient",
    "AirflowLab",
    "AirflowRequestError",
    "ApifyServer",
    "Component",
    "DagRunKey",
    "LabError",
    "TaskInstance",
    "wait_until",
]
