"""Runs and tasks of the tests of exports."""

from __future__ import annotations

from typing import Any

from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.models.runs import ActorRun
from airflow_provider_apify.options import Target
from airflow_provider_apify.transfers.dataset_to_file import DatasetToFileOperator

ITEMS = 5


def run_scenario(**run_input: Any) -> ActorRun:
    """Have a finished run with a dataset."""
    hook = ApifyHook()
    run = hook.start_run(Target("actor", "apify/scenario"), {"items": ITEMS} | run_input)
    return hook.wait_for_run(run.id).run


def write(**arguments: Any) -> DatasetToFileOperator:
    """Make the task of most tests."""
    return DatasetToFileOperator(**({"task_id": "task"} | arguments))
