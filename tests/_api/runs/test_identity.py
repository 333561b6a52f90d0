from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_apify._api.runs.identity import Identity
from tests._api.played_start import ME


def task_instance(**changes: Any) -> SimpleNamespace:
    names = {"dag_id": "d", "task_id": "t", "run_id": "r", "map_index": -1, "max_tries": 2, "try_number": 1}
    return SimpleNamespace(**{**names, **changes})


@pytest.mark.parametrize("changes", [{"dag_id": "x"}, {"task_id": "x"}, {"run_id": "x"}, {"map_index": 3}])
def test_task_instances_differ_in_their_identity(changes: dict[str, Any]) -> None:
    assert Identity.of(task_instance(**changes)).task != Identity.of(task_instance()).task


def test_a_retry_keeps_the_rerun_and_a_clear_changes_it() -> None:
    first, retry = Identity.of(task_instance()), Identity.of(task_instance(try_number=2))
    cleared = Identity.of(task_instance(try_number=3, max_tries=4))
    assert first.task == retry.task == cleared.task
    assert first.rerun == retry.rerun != cleared.rerun


def test_the_marker_is_read_back_from_the_user_agent() -> None:
    assert Identity.parse(f"airflow-provider-apify/1 python/3.12 {ME.marker}") == ME


@pytest.mark.parametrize(
    "agent", [None, "", "curl/8", "start=1-2", f"{ME.marker} more", "start=0123456789abcdef0123.x-1"]
)
def test_other_user_agents_hold_no_identity(agent: str | None) -> None:
    assert Identity.parse(agent) is None
