"""Start a DAG when a run finishes, whoever has started it: Apify's scheduler, a person, another system.

The asset's watcher looks at the account's runs every 30 seconds, in the triggerer. Runs that finish between two looks
start one DAG run together, which writes a file for each.

**Change** the Actor and `statuses`. Leave runs that Airflow itself has started out with `origins`, as here: theirs is
`"API"`. This needs Airflow 3.
"""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

from airflow.configuration import AIRFLOW_HOME
from airflow.sdk import DAG, Asset, AssetWatcher, task

from airflow_provider_apify.assets import finished_runs
from airflow_provider_apify.transfers.dataset_to_file import DatasetToFileOperator
from airflow_provider_apify.triggers.run_finished import ApifyRunFinishedTrigger

OUTPUT = os.environ.get("APIFY_EXAMPLE_OUTPUT", f"{AIRFLOW_HOME}/apify_example_output")
RETRIES = {"retries": 2, "retry_delay": timedelta(seconds=30)}

finished = ApifyRunFinishedTrigger(actor_id="apify/website-content-crawler", origins=["SCHEDULER", "WEB"])
CRAWLS = Asset("apify_example_crawls", watchers=[AssetWatcher("apify_example_crawls", trigger=finished)])


@task
def runs(triggering_asset_events: Any = None) -> list[dict[str, Any]]:
    return finished_runs(triggering_asset_events)


with DAG(
    "apify_follow_runs",
    description="Begin when a run of Apify finishes",
    schedule=[CRAWLS],
    doc_md=__doc__,
    tags=["apify", "example", "assets"],
    default_args=RETRIES,
):
    DatasetToFileOperator.partial(task_id="save", path=OUTPUT + "/follow_runs/{{ task.dataset_id }}.jsonl").expand(
        dataset_id=runs()
    )
