"""One DAG for each case of the fault harness, with the real operators."""

from __future__ import annotations

import os
import time
from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, get_parsing_context, task

from airflow_provider_apify.operators.run_actor import RunActorOperator
from airflow_provider_apify.transfers.dataset_to_file import DatasetToFileOperator
from tests.chaos.case import (
    BESIDE,
    CROWDED,
    CROWDED_SECONDS,
    EXPORT,
    ITEMS,
    MAPPED,
    MAPPED_TIMEOUT,
    SAVED_TASK,
    TASK,
    Case,
)
from tests.chaos.cases import CASES
from tests.chaos.crash import death_note, die, die_with_the_machine, sleep_with_the_machine, strike_at

FOLDER = os.environ["CHAOS_FOLDER"]


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
    if case.shape == CROWDED:
        usual |= {"pool": case.key, "priority_weight": 2}
    dies = {} if case.shape == EXPORT else _dies(case)
    return usual | dies | {name: _value(name, value) for name, value in case.operator.items()}


def _dies(case: Case) -> dict[str, Any]:
    if case.dies_at is None:
        return {}
    strike = sleep_with_the_machine if case.sleeps else die_with_the_machine if case.is_machine else die
    return {"pre_execute": strike_at(case.dies_at, death_note(FOLDER, case.key), strike)}


def _value(name: str, value: Any) -> Any:
    return timedelta(seconds=value) if name in {"execution_timeout", "retry_delay"} else value


def _take_the_slot(pool: str) -> None:
    """Add a task that comes once the task of the run has deferred."""

    @task(task_id=CROWDED, pool=pool)
    def crowd() -> None:
        time.sleep(CROWDED_SECONDS)

    crowd()


def _add_another() -> None:
    @task(task_id=BESIDE)
    def beside() -> None:
        """Do nothing."""

    beside()


def _add_tasks(case: Case) -> None:
    run_input = dict(case.run_input)
    if case.shape in {BESIDE, ITEMS}:
        _add_another()
    if case.shape == ITEMS:
        task.apify_actor(**_arguments(case))(lambda: run_input)()
        return
    if case.shape == "mapped":
        each = [{"run_input": run_input, "run_timeout": MAPPED_TIMEOUT + index} for index in range(MAPPED)]
        RunActorOperator.partial(**_arguments(case)).expand_kwargs(each)
        return
    inputs: dict[str, Any] = {} if case.shape == "task" else {"run_input": run_input}
    run = RunActorOperator(**_arguments(case), **inputs)
    if case.shape == CROWDED:
        _take_the_slot(case.key)
    if case.shape == EXPORT:
        DatasetToFileOperator(
            task_id=EXPORT,
            apify_conn_id=case.key,
            dataset_id="{{ ti.xcom_pull('run')['dataset_id'] }}",
            path=f"{FOLDER}/{case.key}.jsonl",
            retries=2,
            retry_delay=timedelta(seconds=1),
            **_dies(case),
        ).set_upstream(run)


# A worker that reads this file wants one of them only: to make all takes it seconds, which all cases would wait for.
_WANTED = get_parsing_context().dag_id
for _case in CASES:
    if _WANTED in {None, _case.key}:
        with DAG(_case.key, schedule=None):
            _add_tasks(_case)
