"""Run a crawler of the old Apify Crawler product, and fetch its results as its API gave them.

The old crawlers live on as saved tasks of `apify/legacy-phantomjs-crawler`. Starting one took a JSON body that changed
`startUrls` and set `customData`: today that is `run_input`. Its results could be had `simplified`, without failed
pages, from an `offset` on, up to a `limit`, in a `format`: so they can today.

**Change** `actor_id` to `actor_task_id="username/task-name"`, the crawler as it was migrated: then `run_input` needs
only what this run changes. `docs/old-crawler.md` has the old calls one by one.
"""

from __future__ import annotations

import os
from datetime import timedelta

from airflow.configuration import AIRFLOW_HOME
from airflow.providers.common.compat.sdk import DAG, Param

from airflow_provider_apify.operators.run_actor import RunActorOperator
from airflow_provider_apify.transfers.dataset_to_file import DatasetToFileOperator

START_URL = os.environ.get("APIFY_EXAMPLE_START_URL", "https://docs.apify.com/academy")
OUTPUT = os.environ.get("APIFY_EXAMPLE_OUTPUT", f"{AIRFLOW_HOME}/apify_example_output")
RETRIES = {"retries": 2, "retry_delay": timedelta(seconds=30)}
PAGE_FUNCTION = """
function pageFunction(context) {
    return { title: context.jQuery('title').text(), customData: context.customData };
}
"""

with DAG(
    "apify_old_crawler",
    description="Run a crawler of the old Apify Crawler",
    schedule=None,
    params={
        "custom_data": Param("some custom content", type="string", description="What the page function is given"),
        "offset": Param(0, type="integer", minimum=0, description="How many results to leave out"),
        "limit": Param(100_000, type="integer", minimum=1, description="How many results at most"),
    },
    default_args=RETRIES,
    doc_md=__doc__,
    tags=["apify", "example", "migration"],
):
    execute = RunActorOperator(
        task_id="execute",
        actor_id="apify/legacy-phantomjs-crawler",
        run_input={
            "startUrls": [{"key": "START", "value": START_URL}],
            "crawlPurls": [{"key": "PAGE", "value": f"{START_URL}[.*]"}],
            "clickableElementsSelector": "a:not([rel=nofollow])",
            "pageFunction": PAGE_FUNCTION,
            "customData": "{{ params.custom_data }}",
            "maxCrawledPages": 10,
        },
        deferrable=True,
    )
    results = DatasetToFileOperator(
        task_id="results",
        dataset_id=execute.output["dataset_id"],
        path=f"{OUTPUT}/old_crawler.csv",
        simplified=True,
        skip_failed_pages=True,
        offset="{{ params.offset }}",
        limit="{{ params.limit }}",
    )
    execute >> results
