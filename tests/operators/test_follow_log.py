"""The Actor's own lines in the task's log, while its run goes on."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import pytest

from airflow_provider_apify.operators.run_actor import RunActorOperator
from local_apify import LocalApify
from tests.dag_runs import DagRunner, Outcome

LINES = [f"Line {number:02}" for number in range(12)]


def follow(**arguments: Any) -> RunActorOperator:
    """Make the task of the tests."""
    plan = {"durationSecs": 0.5, "logLines": LINES, **arguments.pop("plan", {})}
    defaults: dict[str, Any] = {"task_id": "task", "follow_log": True, "poll_interval": 0.1}
    return RunActorOperator(**(defaults | {"actor_id": "apify/scenario", "run_input": plan} | arguments))


def shown(outcome: Outcome) -> Counter[str]:
    """Return how often the task's log has each of the Actor's lines, in their order."""
    return Counter(re.findall(r"\| \S+Z (Line \d\d)", outcome.log))


@pytest.mark.parametrize("deferrable", [False, True], ids=["in a worker", "deferred"])
def test_each_line_shows_once_and_before_the_task_speaks_of_the_end(airflow: DagRunner, deferrable: bool) -> None:
    outcome = airflow.run_task(follow(deferrable=deferrable))

    assert outcome.state == "success"
    lines = shown(outcome)
    assert list(lines) == LINES
    assert len(set(lines.values())) == 1  # or all twice, where the test sees all that is logged twice
    assert outcome.log.index(LINES[-1]) < outcome.log.index("Platform usage of run")


def test_a_log_that_cannot_be_read_harms_nothing(apify: LocalApify, airflow: DagRunner) -> None:
    apify.control.add_fault("answer", path="*/log", status=500, times=None)
    outcome = airflow.run_task(follow())

    assert outcome.state == "success"
    assert "The run's log cannot be read: HTTP 500" in outcome.log


def test_a_log_that_is_not_followed_is_not_asked_for_while_the_run_goes_on(
    apify: LocalApify, airflow: DagRunner
) -> None:
    airflow.run_task(follow(follow_log=False, log_lines=0))
    assert not [route for route in apify.control.ledger().requests if "log" in route]


def test_nothing_is_followed_where_nobody_waits() -> None:
    with pytest.raises(ValueError, match="follow_log needs wait_for_completion=True"):
        follow(wait_for_completion=False)
