"""Start an Actor, wait for its run, and write its data to a file: the three parts together.

1. `RunActorOperator` starts the Actor and, told not to wait, returns at once.
2. `ApifyRunSensor` waits for the end of the run in the triggerer, without holding a worker.
3. `DatasetToFileOperator` writes the run's dataset to a file, which appears whole or not at all.

**Change** `actor_id` and `run_input` to the Actor you need, and `OUTPUT` to a URL of S3 or Google Cloud
Storage, for example `s3://my-bucket/apify`. Where nothing has to happen between start and wait, a single
`RunActorOperator(deferrable=True)` does both, and aborts the run when its task is killed.
"""

from __future__ import annotations

import os
from datetime import timedelta

from airflow.configuration import AIRFLOW_HOME
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_apify.operators.run_actor import RunActorOperator
from airflow_provider_apify.sensors.run import ApifyRunSensor
from airflow_provider_apify.transfers.dataset_to_file import DatasetToFileOperator

START_URL = os.environ.get("APIFY_EXAMPLE_START_URL", "https://docs.apify.com/academy")
OUTPUT = os.environ.get("APIFY_EXAMPLE_OUTPUT", f"{AIRFLOW_HOME}/apify_example_output")
RETRIES = {"retries": 2, "retry_delay": timedelta(seconds=30)}

with DAG(
    "apify_end_to_end",
    description="Start a run, wait for it, write its data",
    schedule=None,
    default_args=RETRIES,
    doc_md=__doc__,
    tags=["apify", "example", "basics"],
):
    start = RunActorOperator(
        task_id="start",
        actor_id="apify/website-content-crawler",
        run_input={"startUrls": [{"url": START_URL}], "maxCrawlPages": 10},
        wait_for_completion=False,
    )
    wait = ApifyRunSensor(
        task_id="wait",
        run_id=start.output["run_id"],
        deferrable=True,
    )
    save = DatasetToFileOperator(
        task_id="save",
        dataset_id=start.output["dataset_id"],
        path=f"{OUTPUT}/end_to_end.jsonl",
    )
    start >> wait >> save
