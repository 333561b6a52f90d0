"""Run an Actor many times side by side, once for each input.

Dynamic task mapping starts the runs; how many there are is only known when the DAG runs. No worker is held while they
go on. The items of all runs become one file, in the order of the inputs, once the last run has succeeded.

**Change** `inputs` to read them from wherever they come. A pool (set `APIFY_EXAMPLE_POOL`) limits how many runs go on
at the same time; it has to count waiting tasks: `airflow pools set apify 5 "Apify runs" --include-deferred`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from airflow.configuration import AIRFLOW_HOME
from airflow.providers.common.compat.sdk import DAG, Param, task

from airflow_provider_apify.operators.run_actor import RunActorOperator
from airflow_provider_apify.transfers.dataset_to_file import DatasetToFileOperator

START_URL = os.environ.get("APIFY_EXAMPLE_START_URL", "https://docs.apify.com/academy")
OUTPUT = os.environ.get("APIFY_EXAMPLE_OUTPUT", f"{AIRFLOW_HOME}/apify_example_output")
POOL = os.environ.get("APIFY_EXAMPLE_POOL", "default_pool")
RETRIES = {"retries": 2, "retry_delay": timedelta(seconds=30)}


@task
def inputs(params: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
    count = (params or {})["count"]
    return [
        {"startUrls": [{"url": f"{START_URL}?page={page}"}], "maxCrawlPages": 5, "maxCrawlDepth": 1}
        for page in range(1, count + 1)
    ]


with DAG(
    "apify_fan_out",
    description="Run an Actor many times side by side",
    schedule=None,
    params={"count": Param(3, type="integer", minimum=1, maximum=100, description="how many runs")},
    default_args=RETRIES,
    doc_md=__doc__,
    tags=["apify", "example", "mapping"],
):
    crawl = RunActorOperator.partial(
        task_id="crawl",
        actor_id="apify/website-content-crawler",
        pool=POOL,
        deferrable=True,
    ).expand(run_input=inputs())

    DatasetToFileOperator(
        task_id="save",
        dataset_id=crawl.output,
        path=OUTPUT + "/fan_out/{{ run_id }}.jsonl",
    )
