"""Look before spending: wait for room in the account, check the input, then run.

`wait` holds the rest of the DAG back until the account has a free run slot, memory for the run, and some of the month's
budget left; it reserves nothing, so `crawl` waits for capacity itself should somebody else be faster. `validate_input`
has Apify check the input against the Actor's input schema before the run is started: a wrong one fails the task at
once, names the field, and costs nothing.

**Change** the Actor and its input, and how much must be left.
"""

from __future__ import annotations

import os
from datetime import timedelta

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_apify.operators.run_actor import RunActorOperator
from airflow_provider_apify.sensors.capacity import ApifyCapacitySensor

START_URL = os.environ.get("APIFY_EXAMPLE_START_URL", "https://docs.apify.com/academy")
RETRIES = {"retries": 2, "retry_delay": timedelta(seconds=30)}

with DAG(
    "apify_careful_run",
    description="Look for room and check the input before spending",
    schedule=None,
    default_args=RETRIES,
    doc_md=__doc__,
    tags=["apify", "example", "cost"],
):
    wait = ApifyCapacitySensor(
        task_id="wait",
        min_run_slots=1,
        min_memory=4096,
        min_budget_usd=2,
        poke_interval=60,
        timeout=6 * 3600,
        deferrable=True,
    )
    crawl = RunActorOperator(
        task_id="crawl",
        actor_id="apify/website-content-crawler",
        run_input={"startUrls": [{"url": START_URL}], "maxCrawlPages": 5},
        memory=4096,
        validate_input=True,
        abort_above_usd=2,
        wait_for_capacity=3600,
        deferrable=True,
    )
    wait >> crawl
