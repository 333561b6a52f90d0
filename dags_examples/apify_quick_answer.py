"""Ask an Actor something small and use the answer at once, with one request.

`run_sync_get_items` starts the run, waits for its end and returns its items; `run_sync` returns its `OUTPUT` record.
They suit runs of seconds up to 5 minutes whose items fit in memory. A run that takes longer is found and waited for.
A retry of the task starts, and bills, another run.

**Change** to `RunActorOperator` for anything longer or dearer: there a retry goes on with the run of the attempt
before, a killed task aborts it, and `deferrable=True` frees the worker while it goes on.
"""

from __future__ import annotations

import os
from datetime import timedelta

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.options import RunOptions

START_URL = os.environ.get("APIFY_EXAMPLE_START_URL", "https://docs.apify.com/academy")
RETRIES = {"retries": 2, "retry_delay": timedelta(seconds=30)}


@task
def titles() -> list[str]:
    pages = ApifyHook().run_sync_get_items(
        "apify/website-content-crawler",
        {"startUrls": [{"url": START_URL}], "maxCrawlPages": 3},
        options=RunOptions(run_timeout=240),
    )
    return [page["metadata"]["title"] for page in pages]


with DAG(
    "apify_quick_answer",
    description="Run a small Actor in one request",
    schedule=None,
    default_args=RETRIES,
    doc_md=__doc__,
    tags=["apify", "example", "hook"],
):
    titles()
