"""Have the file that one DAG writes start the next DAG, and see where it comes from.

`apify_asset_producer` writes the pages of a web site to a file and declares it an asset. Airflow then starts
`apify_asset_consumer`, which feeds the file's first addresses to another run. Airflow's asset graph shows the way from
the Actor over its items to the file: what a task reads are its `inlets`, what it writes are its `outlets`.

**Change** the Actors, and what the second makes of the first one's data. On Airflow 3 a run that an asset triggered
has no data interval; the path of the consumer's file works for it and for all others.
"""

from __future__ import annotations

import json
import os
from datetime import timedelta
from typing import Any

import pendulum
from airflow.configuration import AIRFLOW_HOME
from airflow.providers.common.compat.sdk import DAG, Asset, ObjectStoragePath, task

from airflow_provider_apify.assets import actor_asset
from airflow_provider_apify.operators.run_actor import RunActorOperator
from airflow_provider_apify.transfers.dataset_to_file import DatasetToFileOperator

START_URL = os.environ.get("APIFY_EXAMPLE_START_URL", "https://docs.apify.com/academy")
OUTPUT = os.environ.get("APIFY_EXAMPLE_OUTPUT", f"{AIRFLOW_HOME}/apify_example_output")
RETRIES = {"retries": 2, "retry_delay": timedelta(seconds=30)}
PAGES_FILE = f"{OUTPUT}/asset_pipeline/pages.jsonl"
ACTOR = actor_asset("apify/website-content-crawler")
ITEMS = Asset("apify_example_items")
PAGES = Asset("apify_example_pages")
START = pendulum.datetime(2026, 1, 1, tz="UTC")

with DAG(
    "apify_asset_producer",
    description="Write a file that starts another DAG",
    schedule=None,
    default_args=RETRIES,
    doc_md=__doc__,
    tags=["apify", "example", "assets"],
):
    crawl = RunActorOperator(
        task_id="crawl",
        actor_id="apify/website-content-crawler",
        run_input={"startUrls": [{"url": START_URL}], "maxCrawlPages": 10},
        deferrable=True,
        inlets=[ACTOR],
        outlets=[ITEMS],
    )
    save = DatasetToFileOperator(
        task_id="save",
        dataset_id=crawl.output["dataset_id"],
        path=PAGES_FILE,
        inlets=[ITEMS],
        outlets=[PAGES],
    )
    crawl >> save


@task
def prepare() -> dict[str, Any]:
    lines = ObjectStoragePath(PAGES_FILE).read_bytes().splitlines()
    urls = [json.loads(line)["url"] for line in lines[:3]]
    return {"startUrls": [{"url": url} for url in urls], "maxCrawlPages": len(urls), "maxCrawlDepth": 0}


with DAG(
    "apify_asset_consumer",
    description="Begin when the file of another DAG is new",
    schedule=[PAGES],
    start_date=START,
    doc_md=__doc__,
    tags=["apify", "example", "assets"],
    default_args=RETRIES,
):
    details = RunActorOperator(
        task_id="details",
        actor_id="apify/website-content-crawler",
        run_input=prepare(),
        deferrable=True,
    )
    save_details = DatasetToFileOperator(
        task_id="save_details",
        dataset_id=details.output["dataset_id"],
        path=OUTPUT + "/asset_pipeline/details-{{ (dag_run.logical_date or dag_run.run_after) | ts_nodash }}.json",
    )
    details >> save_details
