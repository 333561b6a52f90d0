"""The DAGs of the integration tests: each is as small as what it shows allows."""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.sdk import DAG, Asset, Param

from airflow_provider_apify.operators.run_actor import RunActorOperator
from airflow_provider_apify.retry_policy import ApifyRetryPolicy
from airflow_provider_apify.transfers.dataset_to_file import DatasetToFileOperator

RUN_INPUT = "{{ params.run_input | tojson }}"
FIRST_DAY = pendulum.datetime(2026, 1, 1, tz="UTC")
LAST_DAY = pendulum.datetime(2026, 3, 31, tz="UTC")
FOLDER = Param("", type="string", description="where files go")

with DAG("crawl_to_file", schedule=None, params={"run_input": Param({}, type="object"), "folder": FOLDER}):
    crawl = RunActorOperator(
        task_id="crawl", actor_id="apify/website-content-crawler", run_input=RUN_INPUT, deferrable=True
    )
    DatasetToFileOperator(
        task_id="export",
        dataset_id="{{ ti.xcom_pull('crawl')['dataset_id'] }}",
        path="{{ params.folder }}/pages.jsonl",
    ).set_upstream(crawl)

with DAG("scenario", schedule=None, params={"run_input": Param({}, type="object")}):
    RunActorOperator(task_id="run", actor_id="apify/scenario", run_input=RUN_INPUT, deferrable=True)

with DAG("scenario_retried", schedule=None, params={"run_input": Param({}, type="object")}):
    RunActorOperator(
        task_id="run",
        actor_id="apify/scenario",
        run_input=RUN_INPUT,
        deferrable=True,
        retries=1,
        retry_delay=timedelta(seconds=1),
    )

with DAG("scenario_with_policy", schedule=None):
    RunActorOperator(
        task_id="run",
        actor_id="apify/scenario",
        deferrable=True,
        retries=1,
        retry_delay=timedelta(days=1),
        retry_policy=ApifyRetryPolicy(),
    )

# Its days are over, so that only backfills run.
with DAG("daily", schedule="@daily", start_date=FIRST_DAY, end_date=LAST_DAY, catchup=False, params={"folder": FOLDER}):
    items = RunActorOperator(
        task_id="run",
        actor_id="apify/scenario",
        run_input={"items": 3, "statusMessages": ["{{ ds }}"]},
        deferrable=True,
    )
    DatasetToFileOperator(
        task_id="export",
        dataset_id="{{ ti.xcom_pull('run')['dataset_id'] }}",
        path="{{ params.folder }}/day={{ ds }}/items.jsonl",
    ).set_upstream(items)

with DAG("asset_triggered", schedule=[Asset("something_new")]):
    RunActorOperator(task_id="run", actor_id="apify/scenario", run_input={"items": 2}, deferrable=True)
