"""What tests of one played task do with it and with its Apify."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from airflow_provider_apify.models.runs import RunEvent
from local_apify import LocalApify
from tests.operators.obedient import obedient, orders
from tests.operators.played_task import PACE, Died, PlayedTask
from tools.lab.waiting import wait_until

if TYPE_CHECKING:
    import pytest

# After both sides of the note, and of reading the run of before.
MOMENT_OF_THE_FIRST_POST, MOMENT_OF_THE_SECOND_POST = 2, 4


def played(monkeypatch: pytest.MonkeyPatch, *, has_store: bool = True, **arguments: Any) -> PlayedTask:
    task = PlayedTask(has_store=has_store, actor_id=obedient.name, log_lines=0, **arguments)
    task.use(monkeypatch)
    return task


def statuses(apify: LocalApify) -> list[str]:
    return [run.status for run in apify.control.ledger().runs]


def use(apify: LocalApify) -> None:
    """Let the runs that go on succeed."""
    for run in apify.control.ledger().runs:
        if run.is_going:
            orders[run.run_id] = "SUCCEEDED"


def end(apify: LocalApify, status: str) -> None:
    """Let the newest run end."""
    orders[apify.control.ledger().runs[-1].run_id] = status
    wait_until(lambda: statuses(apify)[-1] == status, "the run to end", timeout=10, poll=PACE)


def waits(task: PlayedTask, apify: LocalApify, *happens: Callable[[], None]) -> None:
    """Let something happen each time that a worker waits; after that the run succeeds."""
    events = iter(happens)

    def happen() -> None:
        event = next(events, None)
        if event is not None:
            event()
        else:
            use(apify)

    task.on_wait = happen


def spend(apify: LocalApify, task: PlayedTask) -> dict[str, Any]:
    """Wait until a run has cost something, and return the event of a limit below that."""
    hook = task.hook_class()()
    wait_until(lambda: bool(hook.get_run(task.watched_run_id).usage_total_usd), "costs", timeout=10, poll=PACE)
    assert statuses(apify) == ["RUNNING"]
    return RunEvent(hook.get_run(task.watched_run_id), cost_limit_passed=True).to_payload()


def dies() -> None:
    raise Died


class Clock:
    """The wall clock, which can be moved on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.offset, real = 0.0, time.time
        monkeypatch.setattr(time, "time", lambda: real() + self.offset)

    def pass_(self, seconds: float) -> None:
        self.offset += seconds
