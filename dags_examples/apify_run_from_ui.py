"""Let people start a run from the UI, with a form that is checked.

*Trigger* opens a form with the addresses to crawl, a page limit and a budget. Airflow checks each against its type and
range before anything is started.

**Change** the `params` to what people should choose. This Actor is paid by usage, so the budget is `abort_above_usd`:
Airflow aborts a run that has cost more. For an Actor that is paid per event, write `max_total_charge_usd` instead. A
limit for all DAGs belongs into the extra of the Airflow connection: `{"limit_abort_above_usd": 5}`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from airflow.configuration import AIRFLOW_HOME
from airflow.providers.common.compat.sdk import DAG, Param, task

from airflow_provider_apify.operators.run_actor import RunActorOperator
from airflow_provider_apify.params import check_conf
from airflow_provider_apify.transfers.dataset_to_file import DatasetToFileOperator

START_URL = os.environ.get("APIFY_EXAMPLE_START_URL", "https://docs.apify.com/academy")
OUTPUT = os.environ.get("APIFY_EXAMPLE_OUTPUT", f"{AIRFLOW_HOME}/apify_example_output")
RETRIES = {"retries": 2, "retry_delay": timedelta(seconds=30)}


@task
def prepare(params: Mapping[str, Any] | None = None) -> dict[str, Any]:
    check_conf()
    form = params or {}
    urls = [url.strip() for url in form["start_urls"]]
    return {"startUrls": [{"url": url} for url in urls if url], "maxCrawlPages": form["max_pages"]}


with DAG(
    "apify_run_from_ui",
    description="Let people start a run with a form",
    schedule=None,
    params={
        "start_urls": Param(
            [START_URL],
            type="array",
            items={"type": "string", "pattern": r"^\s*(https?://|$)"},
            contains={"pattern": "http"},
            title="Addresses to crawl, one per line",
            description="Each begins with http:// or https://",
        ),
        "max_pages": Param(
            10,
            type="integer",
            minimum=1,
            maximum=1000,
            title="Pages at most",
            description="The crawl ends with so many",
        ),
        "budget_usd": Param(
            1.0,
            type=["null", "number"],
            exclusiveMinimum=0,
            maximum=20,
            title="US dollars at most",
            description="A run that has cost more is aborted. Left empty, the limit of the connection counts",
        ),
    },
    default_args=RETRIES,
    doc_md=__doc__,
    tags=["apify", "example", "form"],
):
    crawl = RunActorOperator(
        task_id="crawl",
        actor_id="apify/website-content-crawler",
        run_input=prepare(),
        abort_above_usd="{{ params.budget_usd }}",
        deferrable=True,
    )
    save = DatasetToFileOperator(
        task_id="save",
        dataset_id=crawl.output["dataset_id"],
        path=OUTPUT + "/run_from_ui/{{ run_id }}.csv",
    )
    crawl >> save
