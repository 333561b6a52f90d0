"""Crawl a web site every day and write its pages to a file.

The file is named after the start of the run's data interval, so a retried or cleared run writes the same file again.

**Change** `schedule`, and `start_url` here or in the form of a manual run. `execution_timeout` bounds the crawl: when
it has passed, the run is aborted and the task fails.
"""

from __future__ import annotations

import os
from datetime import timedelta

import pendulum
from airflow.configuration import AIRFLOW_HOME
from airflow.providers.common.compat.sdk import DAG, Param

from airflow_provider_apify.operators.run_actor import RunActorOperator
from airflow_provider_apify.transfers.dataset_to_file import DatasetToFileOperator

START_URL = os.environ.get("APIFY_EXAMPLE_START_URL", "https://docs.apify.com/academy")
OUTPUT = os.environ.get("APIFY_EXAMPLE_OUTPUT", f"{AIRFLOW_HOME}/apify_example_output")
RETRIES = {"retries": 2, "retry_delay": timedelta(seconds=30)}

with DAG(
    "apify_scheduled_crawl",
    description="Crawl a site every day",
    schedule="@daily",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    params={"start_url": Param(START_URL, type="string", description="where the crawl begins")},
    default_args=RETRIES,
    doc_md=__doc__,
    tags=["apify", "example", "schedule"],
):
    crawl = RunActorOperator(
        task_id="crawl",
        actor_id="apify/website-content-crawler",
        run_input={"startUrls": [{"url": "{{ params.start_url }}"}], "maxCrawlPages": 20},
        execution_timeout=timedelta(minutes=30),
        deferrable=True,
    )
    save = DatasetToFileOperator(
        task_id="save",
        dataset_id=crawl.output["dataset_id"],
        # On Airflow 3 a manual run has no data interval, but the time from which it may run.
        path=OUTPUT + "/scheduled_crawl/{{ (dag_run.logical_date or dag_run.run_after) | ts_nodash }}.jsonl",
    )
    crawl >> save
