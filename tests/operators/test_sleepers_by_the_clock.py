"""A machine sleeps, and the clock goes on: what was looked at before is too old then."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from airflow_provider_apify.operators import _task_run
from airflow_provider_apify.operators.run_actor import RunActorOperator
from local_apify import LocalApify
from tests.operators.played_task import Fate, PlayedTask
from tests.operators.scenes import Clock, dies, end, played, statuses, waits
from tests.operators.test_sleepers import Night, sleeps_before_changes

MINUTE = 60.0
# Six looks at what was started, and one at what goes on, of two moments each.
LAST_MOMENT_OF_THE_LOOK = 2 * 7 - 1


def later_of(sleeper: PlayedTask, monkeypatch: pytest.MonkeyPatch, *, tries: int, clears: bool = False) -> PlayedTask:
    later = PlayedTask(has_store=False, **sleeper.arguments)
    later.began, later._tries, later._max_tries = sleeper.began, tries, sleeper._max_tries
    if clears:
        later.clear()
    later.use(monkeypatch)
    later.on_wait = dies
    return later


def test_a_late_start_is_aborted_where_nothing_can_be_noted(
    obedient_apify: LocalApify, monkeypatch: pytest.MonkeyPatch
) -> None:
    sleeper = played(monkeypatch, has_store=False, deferrable=False)
    night = Night(monkeypatch, sleeper, dead=1)
    night.task._xcoms = sleeper._xcoms  # of one task instance: each attempt begins by dropping them
    waits(sleeper, obedient_apify, lambda: sleeper.kill("running"))

    assert sleeper.attempt(Fate(0, night.passes)) == "retry"

    assert sorted(statuses(obedient_apify)) == ["ABORTED", "RUNNING"]


@pytest.mark.parametrize("has_store", [True, False])
def test_a_sleeper_that_is_told_to_stop_leaves_the_run_of_the_next_attempt_alone(
    obedient_apify: LocalApify, monkeypatch: pytest.MonkeyPatch, has_store: bool
) -> None:
    sleeper = played(monkeypatch, has_store=has_store, deferrable=False)
    night = Night(monkeypatch, sleeper, dead=1)
    night.task._xcoms = sleeper._xcoms  # where the link to its run is
    sleeps_before_changes(monkeypatch, night.passes)
    moment_of_the_next_look = 2 if has_store else 0

    assert sleeper.attempt(Fate(moment_of_the_next_look, lambda: sleeper.kill("running"))) == "retry"

    assert statuses(obedient_apify) == ["RUNNING"]


def test_a_look_that_ends_after_a_sleep_is_an_old_one(
    obedient_apify: LocalApify, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    sleeper = played(monkeypatch, has_store=False, deferrable=False)
    night = Night(monkeypatch, sleeper, dead=2)
    assert sleeper.attempt(Fate(0, dies)) == "died"

    def sleeps() -> None:
        night.passes()
        clock.pass_(MINUTE)

    waits(sleeper, obedient_apify, lambda: sleeper.kill("running"))
    assert sleeper.attempt(Fate(LAST_MOMENT_OF_THE_LOOK, sleeps)) == "retry"

    assert statuses(obedient_apify) == ["RUNNING"]


def test_a_first_attempt_that_slept_looks_for_others_runs(
    obedient_apify: LocalApify, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    sleeper = played(monkeypatch, has_store=False, deferrable=False)
    night = Night(monkeypatch, sleeper, dead=1)
    nights = iter([None])

    def input_(operator: RunActorOperator, _context: Any) -> Any:
        for _ in nights:
            night.passes()
            clock.pass_(MINUTE)
        return operator.run_input

    night.task.attempt(Fate(0, dies))  # attempt 1 of the night is the sleeper's
    night._dead = 0
    monkeypatch.setattr(RunActorOperator, "_input", input_)
    waits(sleeper, obedient_apify, lambda: sleeper.kill("running"))
    monkeypatch.setattr(night, "passes", lambda: _night_with_plain_input(night, monkeypatch, input_))

    assert sleeper.attempt(Fate()) == "retry"

    assert statuses(obedient_apify) == ["RUNNING"]


def _night_with_plain_input(night: Night, monkeypatch: pytest.MonkeyPatch, input_: Any) -> None:
    monkeypatch.setattr(RunActorOperator, "_input", lambda operator, _context: operator.run_input)
    Night.passes(night)
    monkeypatch.setattr(RunActorOperator, "_input", input_)


@pytest.mark.parametrize("where", ["in the look", "before it is taken", "before the request"])
def test_nothing_is_resurrected_after_a_clear_that_was_slept_through(
    obedient_apify: LocalApify, monkeypatch: pytest.MonkeyPatch, clock: Clock, where: str
) -> None:
    sleeper = played(monkeypatch, on_failed_run="resurrect", deferrable=False)
    waits(sleeper, obedient_apify, lambda: end(obedient_apify, "FAILED"))
    assert sleeper.attempt(Fate()) == "retry"
    waits(sleeper, obedient_apify, lambda: sleeper.kill("running"))
    nights = iter([None])

    def night() -> None:
        for _ in nights:
            later = later_of(sleeper, monkeypatch, tries=2, clears=True)
            assert later.attempt(Fate()) == "died"
            sleeper.use(monkeypatch)
            clock.pass_(MINUTE)

    fate = Fate()
    if where == "in the look":
        fate = Fate(1, night)
    elif where == "before it is taken":
        take = _task_run.TaskRun.take

        def late_take(*arguments: Any, **more: Any) -> Any:
            night()
            return take(*arguments, **more)

        monkeypatch.setattr(_task_run.TaskRun, "take", late_take)
    else:
        sleeps_before_changes(monkeypatch, night)

    assert sleeper.attempt(fate) == "retry"

    assert statuses(obedient_apify) == ["FAILED", "RUNNING"]


def test_a_stop_past_the_deadline_ends_as_a_stop(
    obedient_apify: LocalApify, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    task = played(monkeypatch, deferrable=False, execution_timeout=timedelta(hours=1))

    def is_stopped_late() -> None:
        clock.pass_(3_700)
        task.kill("running")

    waits(task, obedient_apify, is_stopped_late)

    assert task.attempt(Fate()) == "retry"  # what interrupts the hook does not reach Airflow
