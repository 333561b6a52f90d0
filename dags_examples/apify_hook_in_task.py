"""Call Apify from a `@task` of your own, with the hook alone.

What the operators do are methods of `ApifyHook`: start a run, wait for it, look at it, read its log and its data.

`start_run` would start, and bill, another run on each retry of the task, also where only its answer was lost.
`start_run_once` finds the run of the attempt before by its key.

**Change** what happens with the run. A plain task holds a worker while it waits, and nothing aborts its run when it is
killed: hence the `run_timeout` of 600 seconds, at which Apify itself stops the run.
"""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.options import RunOptions

START_URL = os.environ.get("APIFY_EXAMPLE_START_URL", "https://docs.apify.com/academy")
RETRIES = {"retries": 2, "retry_delay": timedelta(seconds=30)}


# One XCom: one for each key is what Airflow makes of a dict, and 3.0 takes no None there.
@task(multiple_outputs=False)
def crawl(ti: Any = None, dag_run: Any = None) -> dict[str, Any]:
    hook = ApifyHook()
    run = hook.start_run_once(
        # The same for all tries of a task. A clear raises max_tries, so that it starts anew.
        f"{ti.dag_id} {ti.run_id} {ti.task_id} {ti.map_index} {ti.max_tries}",
        "apify/website-content-crawler",
        {"startUrls": [{"url": START_URL}], "maxCrawlPages": 5},
        since=dag_run.start_date,
        options=RunOptions(run_timeout=600),
    )
    event = hook.wait_for_run(run.id)
    event.run.raise_for_status()
    titles = [page["metadata"]["title"] for page in hook.iterate_items(str(run.dataset_id))]
    return {**event.run.to_dict(), "titles": titles}


with DAG(
    "apify_hook_in_task",
    description="Call Apify from a function with the hook",
    schedule=None,
    default_args=RETRIES,
    doc_md=__doc__,
    tags=["apify", "example", "hook"],
):
    crawl()
