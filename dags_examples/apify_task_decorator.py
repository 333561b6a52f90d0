"""Work out an Actor's input in Python, and use its few items at once, with `@task.apify_actor`.

The function returns the input; the task runs the Actor with it as `RunActorOperator` does: deferred, one billed run
however often the task is retried, aborted when the task is killed. With `return_items` its value is the run's items,
for the next `@task`, where they are few; without, it is the run.

**Change** `return_items` away for anything larger, and hand `crawl(...)["dataset_id"]` to a `DatasetToFileOperator`.
Let the function return the same in each attempt: a retry goes on with the run that is there, whatever it returns then.
"""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG, Param, task

START_URL = os.environ.get("APIFY_EXAMPLE_START_URL", "https://docs.apify.com/academy")
RETRIES = {"retries": 2, "retry_delay": timedelta(seconds=30)}


@task.apify_actor(actor_id="apify/website-content-crawler", abort_above_usd=1, return_items=20, deferrable=True)
def crawl(section: str, params: dict[str, Any]) -> dict[str, Any]:
    return {"startUrls": [{"url": f"{START_URL}?section={section}"}], "maxCrawlPages": params["max_pages"]}


@task
def titles(pages: list[dict[str, Any]]) -> list[str]:
    return [page["metadata"]["title"] for page in pages]


with DAG(
    "apify_task_decorator",
    description="Make the input in Python and use the items",
    schedule=None,
    params={"max_pages": Param(3, type="integer", minimum=1, maximum=20, description="pages of each section")},
    default_args=RETRIES,
    doc_md=__doc__,
    tags=["apify", "example", "taskflow"],
):
    titles.expand(pages=crawl.expand(section=["new", "sale"]))
