"""The load: many mapped runs of an Actor, none of which holds a worker, and a file for each run's dataset."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, Param, task

from airflow_provider_apify.operators.run_actor import RunActorOperator
from airflow_provider_apify.transfers.dataset_to_file import DatasetToFileOperator

OUTPUT = os.environ["APIFY_EXAMPLE_OUTPUT"]
RETRIES = {"retries": 5, "retry_delay": timedelta(seconds=10)}


@task
def inputs(params: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
    """Return an input for each run; no two runs of the fleet have the same."""
    assert params is not None
    return [
        {"durationSecs": params["seconds"], "items": params["items"], "firstItem": first}
        for first in range(params["first"], params["first"] + params["count"] * params["items"], params["items"])
    ]


with DAG(
    "fleet",
    schedule=None,
    params={name: Param(1, type="integer", minimum=0) for name in ("count", "first", "items", "seconds")},
    default_args=RETRIES,
    max_active_tasks=64,
):
    crawl = RunActorOperator.partial(task_id="crawl", actor_id="apify/scenario", deferrable=True).expand(
        run_input=inputs()
    )
    DatasetToFileOperator.partial(
        task_id="save", path=f"{OUTPUT}/{{{{ run_id }}}}/{{{{ ti.map_index }}}}.jsonl"
    ).expand(dataset_id=crawl.output)
