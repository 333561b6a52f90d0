"""One DAG for each case of the fault harness, with the real operators."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

from airflow.sdk import DAG

from airflow_provider_apify.operators.run_actor import RunActorOperator
from airflow_provider_apify.transfers.dataset_to_file import DatasetToFileOperator
from tests.chaos.case import SAVED_TASK, TASK, Case
from tests.chaos.cases import CASES
from tests.chaos.crash import die_at

EXPORT = "export"


def _arguments(case: Case) -> dict[str, Any]:
    usual: dict[str, Any] = {
        "task_id": TASK,
        "apify_conn_id": case.key,
        "deferrable": case.deferrable,
        "retries": 2,
        "retry_delay": timedelta(seconds=1),
    }
    if case.shape == "task":
        usual["actor_task_id"] = f"local~{SAVED_TASK}"
    else:
        usual["actor_id"] = "apify/scenario"
    if case.dies_at and case.shape != EXPORT:
        usual["pre_execute"] = die_at(case.dies_at, machine=case.is_machine)
    return usual | {name: _value(name, value) for name, value in case.operator.items()}


def _value(name: str, value: Any) -> Any:
    return timedelta(seconds=value) if name in {"execution_timeout", "retry_delay"} else value


def _add_tasks(case: Case) -> None:
    run_input = dict(case.run_input)
    if case.shape == "mapped":
        RunActorOperator.partial(**_arguments(case)).expand(run_input=[run_input])
        return
    inputs: dict[str, Any] = {} if case.shape == "task" else {"run_input": run_input}
    run = RunActorOperator(**_arguments(case), **inputs)
    if case.shape == EXPORT:
        dies: dict[str, Any] = {"pre_execute": die_at(case.dies_at, machine=case.is_machine)} if case.dies_at else {}
        DatasetToFileOperator(
            task_id=EXPORT,
            apify_conn_id=case.key,
            dataset_id="{{ ti.xcom_pull('run')['dataset_id'] }}",
            path=f"{os.environ['CHAOS_FOLDER']}/{case.key}.jsonl",
            retries=2,
            retry_delay=timedelta(seconds=1),
            **dies,
        ).set_upstream(run)


for _case in CASES:
    with DAG(_case.key, schedule=None):
        _add_tasks(_case)
