"""A machine sleeps, or a process is stopped, until a later attempt has taken over; then it goes on where it was."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowException

from airflow_provider_apify._api import driving
from airflow_provider_apify._api.answers import NoResponse
from airflow_provider_apify._api.request import Request
from airflow_provider_apify._api.runs import starting
from airflow_provider_apify.operators import _task_run
from local_apify import LocalApify
from tests.operators.played_task import Fate, PlayedTask
from tests.operators.scenes import MOMENT_OF_THE_FIRST_POST, dies, end, played, statuses, waits

MINUTE, SOON_SECONDS = 60.0, 1.0
has_store = pytest.mark.parametrize("has_store", [False, True])


class Night:
    """What goes on while the sleeper sleeps: so many attempts die before their start, and one watches its run."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, sleeper: PlayedTask, *, dead: int) -> None:
        self._monkeypatch, self._sleeper, self._dead = monkeypatch, sleeper, dead
        self.task = PlayedTask(has_store=False, **sleeper.arguments)
        sleeper.use(monkeypatch)

    def passes(self) -> None:
        """Let the attempts be made."""
        self.task.use(self._monkeypatch)
        self.task.on_wait = dies
        outcomes = [self.task.attempt(Fate(0, dies)) for _ in range(self._dead)]
        assert [*outcomes, self.task.attempt(Fate())] == ["died"] * (self._dead + 1)
        self._sleeper.use(self._monkeypatch)


def sleeps_before_changes(monkeypatch: pytest.MonkeyPatch, then: Callable[[], None]) -> None:
    """Sleep once right before a request that must not be sent late."""
    nights = iter([then])
    too_late = driving._too_late

    def sleep(request: Request) -> NoResponse | None:
        night = next(nights, None) if request.not_after is not None else None
        if night is None:
            return too_late(request)
        night()
        return too_late(replace(request, not_after=time.time() - MINUTE))

    monkeypatch.setattr(driving, "_too_late", sleep)


def test_a_start_that_is_sent_after_the_next_attempt_has_its_own_run_is_aborted(
    obedient_apify: LocalApify, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Airflow takes no note of an attempt that is over."""
    sleeper = played(monkeypatch, deferrable=False)
    night, note = Night(monkeypatch, sleeper, dead=1), sleeper._note

    def note_while_it_is_the_last(key: str, value: Any) -> None:
        if night.task.tries:
            raise AirflowException("the task instance is not known")
        note(key, value)

    monkeypatch.setattr(sleeper, "_note", note_while_it_is_the_last)
    waits(sleeper, obedient_apify, lambda: sleeper.kill("running"))

    assert sleeper.attempt(Fate(MOMENT_OF_THE_FIRST_POST, night.passes)) == "retry"

    assert sorted(statuses(obedient_apify)) == ["ABORTED", "RUNNING"]


def test_a_start_that_is_stopped_after_the_next_attempt_has_its_own_run_is_aborted(
    obedient_apify: LocalApify, monkeypatch: pytest.MonkeyPatch
) -> None:
    sleeper = played(monkeypatch, has_store=False, deferrable=False)
    night = Night(monkeypatch, sleeper, dead=1)

    def is_stopped_while_it_starts() -> None:
        night.passes()
        sleeper.arrives_after = 1
        sleeper.kill("running")

    assert sleeper.attempt(Fate(0, is_stopped_while_it_starts)) == "retry"

    assert sorted(statuses(obedient_apify)) == ["ABORTED", "RUNNING"]


@has_store
def test_a_start_is_not_sent_when_the_look_before_it_is_old(
    obedient_apify: LocalApify, monkeypatch: pytest.MonkeyPatch, has_store: bool
) -> None:
    sleeper = played(monkeypatch, has_store=has_store, deferrable=False)
    sleeps_before_changes(monkeypatch, Night(monkeypatch, sleeper, dead=1).passes)

    assert sleeper.attempt(Fate()) == "retry"

    assert statuses(obedient_apify) == ["RUNNING"]


def test_a_start_is_not_sent_when_the_machine_slept_before_it_was_made(
    obedient_apify: LocalApify, monkeypatch: pytest.MonkeyPatch
) -> None:
    sleeper = played(monkeypatch, deferrable=False)
    night = Night(monkeypatch, sleeper, dead=1)

    def sleeps() -> None:
        night.passes()
        time.sleep(SOON_SECONDS)

    for module in (starting, _task_run):
        monkeypatch.setattr(module, "SOON_SECONDS", SOON_SECONDS)

    assert sleeper.attempt(Fate(1, sleeps)) == "retry"

    assert statuses(obedient_apify) == ["RUNNING"]


@has_store
def test_a_start_is_sent_after_another_look_where_nobody_has_taken_over(
    obedient_apify: LocalApify, monkeypatch: pytest.MonkeyPatch, has_store: bool
) -> None:
    task = played(monkeypatch, has_store=has_store)
    sleeps_before_changes(monkeypatch, lambda: None)

    assert task.attempt(Fate()) == "execute_complete"

    assert statuses(obedient_apify) == ["RUNNING"]


@has_store
@pytest.mark.parametrize("moment", [0, 1])
def test_a_retry_that_wakes_up_in_its_search_leaves_the_later_attempt_its_run(
    obedient_apify: LocalApify, monkeypatch: pytest.MonkeyPatch, has_store: bool, moment: int
) -> None:
    sleeper = played(monkeypatch, has_store=has_store, deferrable=False)
    night = Night(monkeypatch, sleeper, dead=2)
    assert sleeper.attempt(Fate(0, dies)) == "died"

    assert sleeper.attempt(Fate(moment, night.passes)) == "retry"

    assert statuses(obedient_apify) == ["RUNNING"]


@has_store
def test_a_last_attempt_that_is_stopped_when_it_wakes_up_leaves_the_later_attempt_its_run(
    obedient_apify: LocalApify, monkeypatch: pytest.MonkeyPatch, has_store: bool
) -> None:
    """A user has cleared the task meanwhile."""
    sleeper = played(monkeypatch, has_store=has_store, deferrable=False)
    sleeper.clear(retries=0)
    night = Night(monkeypatch, sleeper, dead=1)

    def is_stopped_while_it_starts() -> None:
        night.passes()
        sleeper.kill("running")

    moment = MOMENT_OF_THE_FIRST_POST if has_store else 0
    assert sleeper.attempt(Fate(moment, is_stopped_while_it_starts)) == "failed"

    assert statuses(obedient_apify) == ["RUNNING"]


def test_a_run_that_a_later_attempt_has_resurrected_and_used_is_not_resurrected_again(
    obedient_apify: LocalApify, monkeypatch: pytest.MonkeyPatch
) -> None:
    sleeper = played(monkeypatch, on_failed_run="resurrect", deferrable=False)
    waits(sleeper, obedient_apify, lambda: end(obedient_apify, "FAILED"))
    assert sleeper.attempt(Fate()) == "retry"
    hook = sleeper.hook_class()()

    def a_later_attempt_uses_it() -> None:
        hook.resurrect_run(sleeper.watched_run_id)
        end(obedient_apify, "SUCCEEDED")

    sleeps_before_changes(monkeypatch, a_later_attempt_uses_it)
    assert sleeper.attempt(Fate()) == "success"

    assert statuses(obedient_apify) == ["SUCCEEDED"]
    assert hook.get_run(sleeper.watched_run_id).history["resurrections"] == 1
