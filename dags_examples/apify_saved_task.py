"""Start a saved Apify task and wait for its run.

A saved task is an Actor with its input and options, kept in Apify Console. Here one field of its input is changed for
this run.

**Change** `actor_task_id` to a task of your own. Where Apify's own scheduler starts it, leave `start` out and give the
sensor `actor_task_id` and `origin="SCHEDULER"` instead of `run_id`: it takes the first such run since this DAG run was
due. Where Apify's schedule is earlier than the DAG's, by an hour for example, add `started_after=timedelta(hours=-2)`.
"""

from __future__ import annotations

import os
from datetime import timedelta

from airflow.configuration import AIRFLOW_HOME
from airflow.providers.common.compat.sdk import DAG, Param

from airflow_provider_apify.operators.run_actor import RunActorOperator
from airflow_provider_apify.sensors.run import ApifyRunSensor
from airflow_provider_apify.transfers.dataset_to_file import DatasetToFileOperator

OUTPUT = os.environ.get("APIFY_EXAMPLE_OUTPUT", f"{AIRFLOW_HOME}/apify_example_output")
RETRIES = {"retries": 2, "retry_delay": timedelta(seconds=30)}

with DAG(
    "apify_saved_task",
    description="Run a task that is saved at Apify",
    schedule=None,
    params={"actor_task_id": Param("local/daily-crawl", type="string", description="username/task-name or its ID")},
    default_args=RETRIES,
    doc_md=__doc__,
    tags=["apify", "example", "basics"],
):
    start = RunActorOperator(
        task_id="start",
        actor_task_id="{{ params.actor_task_id }}",
        run_input={"maxCrawlPages": 10},
        wait_for_completion=False,
    )
    wait = ApifyRunSensor(
        task_id="wait",
        run_id=start.output["run_id"],
        poke_interval=60,
        timeout=3600,
        deferrable=True,
    )
    save = DatasetToFileOperator(
        task_id="save",
        dataset_id=wait.output["dataset_id"],
        path=f"{OUTPUT}/saved_task.jsonl",
    )
    start >> wait >> save
