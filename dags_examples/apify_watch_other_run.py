"""Wait for a run that was started elsewhere, then write its data to a file.

Somebody in Apify Console, another system or a webhook started it. Its ID, or the address of its page, arrives in the
form of the UI, or as the run's `conf` over Airflow's REST API, `{"conf": {"run_id": "..."}}`. The sensor never aborts
the run.

**Change** `timeout`, and `soft_fail` where a run that went wrong should skip the tasks below instead of failing them.
"""

from __future__ import annotations

import os
from datetime import timedelta

from airflow.configuration import AIRFLOW_HOME
from airflow.providers.common.compat.sdk import DAG, Param

from airflow_provider_apify.sensors.run import ApifyRunSensor
from airflow_provider_apify.transfers.dataset_to_file import DatasetToFileOperator

OUTPUT = os.environ.get("APIFY_EXAMPLE_OUTPUT", f"{AIRFLOW_HOME}/apify_example_output")
RETRIES = {"retries": 2, "retry_delay": timedelta(seconds=30)}

with DAG(
    "apify_watch_other_run",
    description="Wait for a run that was started elsewhere",
    schedule=None,
    params={"run_id": Param(type="string", minLength=1, description="ID of the Apify run, or the address of its page")},
    default_args=RETRIES,
    doc_md=__doc__,
    tags=["apify", "example", "sensor"],
):
    wait = ApifyRunSensor(
        task_id="wait",
        run_id="{{ params.run_id }}",
        timeout=6 * 3600,
        deferrable=True,
    )
    save = DatasetToFileOperator(
        task_id="save",
        dataset_id=wait.output["dataset_id"],
        path=OUTPUT + "/watch_other_run/{{ ti.xcom_pull('wait', key='run_id') }}.jsonl",
    )
    wait >> save
