"""Start a DAG run for each finished run, at once: Apify's webhook tells Airflow's own receiver.

`apify_receiver` keeps the webhook; run it once, and again when you change the secret. From then on each run of the
Actor that succeeds starts one DAG run of `apify_each_finished_run`, whose partition key is the ID of Apify's run. The
same event may come twice, and many at once: there is one DAG run for each run.

**Change** the Actor, and `AIRFLOW` to the address under which Apify reaches your API server. Put a secret into
`webhook_secret` of the connection. This needs Airflow 3.2.
"""

from __future__ import annotations

import os
from datetime import timedelta

from airflow.configuration import AIRFLOW_HOME, conf
from airflow.sdk import DAG, PartitionedAssetTimetable

from airflow_provider_apify.assets import actor_asset
from airflow_provider_apify.operators.webhooks import EnsureWebhookOperator
from airflow_provider_apify.transfers.dataset_to_file import DatasetToFileOperator

ACTOR = "apify/website-content-crawler"
AIRFLOW = conf.get("api", "base_url", fallback="https://airflow.example.com")
OUTPUT = os.environ.get("APIFY_EXAMPLE_OUTPUT", f"{AIRFLOW_HOME}/apify_example_output")
RETRIES = {"retries": 2, "retry_delay": timedelta(seconds=30)}

with DAG(
    "apify_each_finished_run",
    description="Save the data of each run that succeeds",
    schedule=PartitionedAssetTimetable(assets=actor_asset(ACTOR)),
    doc_md=__doc__,
    tags=["apify", "example", "assets", "webhook"],
    default_args=RETRIES,
):
    DatasetToFileOperator(
        task_id="save",
        run_id="{{ dag_run.partition_key }}",
        path=OUTPUT + "/each_finished_run/{{ dag_run.partition_key }}.jsonl",
    )

with DAG(
    "apify_receiver",
    description="Have Apify tell Airflow when runs succeed",
    schedule=None,
    doc_md=__doc__,
    tags=["apify", "example", "webhook"],
    default_args=RETRIES,
):
    EnsureWebhookOperator(task_id="ensure", actor_id=ACTOR, receiver=AIRFLOW, description="Kept by Airflow")
