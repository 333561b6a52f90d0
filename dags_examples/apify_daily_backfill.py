"""Write one file per day, in a way that any day can be run again, alone or in a backfill.

The files are `day=2026-01-31/pages.jsonl`. What a run fetches depends on its day alone, never on the time at which it
happens to run, and its file is replaced as a whole: `airflow backfill create` is safe at any time.

**Change** the start URL to one that takes the day, or put the day where your Actor's input wants it. Limit what a long
backfill does at the same time by `max_active_runs` and a pool (set `APIFY_EXAMPLE_POOL`) that counts waiting tasks too:
`airflow pools set apify 5 "Apify runs" --include-deferred`.
"""

from __future__ import annotations

import os
from datetime import timedelta

import pendulum
from airflow.configuration import AIRFLOW_HOME
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_apify.operators.run_actor import RunActorOperator
from airflow_provider_apify.transfers.dataset_to_file import DatasetToFileOperator

START_URL = os.environ.get("APIFY_EXAMPLE_START_URL", "https://docs.apify.com/academy")
OUTPUT = os.environ.get("APIFY_EXAMPLE_OUTPUT", f"{AIRFLOW_HOME}/apify_example_output")
POOL = os.environ.get("APIFY_EXAMPLE_POOL", "default_pool")
RETRIES = {"retries": 2, "retry_delay": timedelta(seconds=30)}

# On Airflow 3 a manual run has no data interval, but the time from which it may run.
DAY = "{{ (dag_run.logical_date or dag_run.run_after) | ds }}"

with DAG(
    "apify_daily_backfill",
    description="Write one file per day, for backfills",
    schedule="@daily",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=3,
    default_args=RETRIES,
    doc_md=__doc__,
    tags=["apify", "example", "backfill"],
):
    crawl = RunActorOperator(
        task_id="crawl",
        actor_id="apify/website-content-crawler",
        run_input={"startUrls": [{"url": f"{START_URL}?day={DAY}"}], "maxCrawlPages": 10, "maxCrawlDepth": 1},
        pool=POOL,
        deferrable=True,
    )
    save = DatasetToFileOperator(
        task_id="save",
        dataset_id=crawl.output["dataset_id"],
        path=f"{OUTPUT}/daily/day={DAY}/pages.jsonl",
    )
    crawl >> save
