"""An attempt that is told to stop: whose run goes on, and whose is aborted."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowException

from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.operators import _task_run
from airflow_provider_apify.operators._interruption import Interrupted
from local_apify import LocalApify
from tests.operators.played_task import Died, Fate, Terminated
from tests.operators.scenes import (
    MOMENT_OF_THE_FIRST_POST,
    MOMENT_OF_THE_SECOND_POST,
    end,
    played,
    statuses,
    waits,
)

FOUR_TIMES_BEFORE_THE_ID_IS_KNOWN = range(4)


@pytest.mark.parametrize("on_failed_run", ["fail", "resurrect"])
def test_a_clear_of_a_running_task_starts_anew_where_airflow_keeps_a_state(
    obedient_apify: LocalApify, monkeypatch: pytest.MonkeyPatch, on_failed_run: str
) -> None:
    """Airflow raises ``max_tries`` for it, since 3.1 once the worker has ended."""
    task = played(monkeypatch, on_failed_run=on_failed_run, deferrable=False)
    waits(task, obedient_apify, task.restart)
    assert task.attempt(Fate()) == "retry"

    assert task.attempt(Fate()) == "success"

    assert statuses(obedient_apify) == ["ABORTED", "SUCCEEDED"]


@pytest.mark.parametrize("has_store", [True, False])
@pytest.mark.parametrize("on_failed_run", ["new", "fail", "resurrect"])
def test_a_worker_that_is_shut_down_leaves_its_run_to_the_retry(
    obedient_apify: LocalApify, monkeypatch: pytest.MonkeyPatch, has_store: bool, on_failed_run: str
) -> None:
    task = played(monkeypatch, has_store=has_store, on_failed_run=on_failed_run, deferrable=False)
    waits(task, obedient_apify, lambda: task.kill("running"))
    assert task.attempt(Fate()) == "retry"
    assert statuses(obedient_apify) == ["RUNNING"]

    assert (task.attempt(Fate()), statuses(obedient_apify)) == ("success", ["SUCCEEDED"])


@pytest.mark.parametrize("state", ["queued", "scheduled", "deferred", "up_for_retry", "up_for_reschedule", "running"])
def test_a_run_that_another_attempt_owns_by_now_is_left_alone(
    obedient_apify: LocalApify, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    """As when a machine slept for so long that Airflow has begun the next attempt elsewhere."""
    task = played(monkeypatch, deferrable=False)
    waits(task, obedient_apify, lambda: task.kill(state))

    assert task.attempt(Fate()) == "retry"

    assert statuses(obedient_apify) == ["RUNNING"]


@pytest.mark.parametrize("state", ["failed", "success", "restarting", "removed", None])
def test_a_run_that_a_user_has_given_up_is_aborted(
    obedient_apify: LocalApify, monkeypatch: pytest.MonkeyPatch, state: Any
) -> None:
    task = played(monkeypatch, deferrable=False)
    waits(task, obedient_apify, lambda: task.kill(state))

    assert task.attempt(Fate()) == "retry"

    assert statuses(obedient_apify) == ["ABORTED"]


@pytest.mark.parametrize("state", ["failed", "success", None])
def test_a_mark_while_a_run_is_started_aborts_it_before_the_task_defers(
    obedient_apify: LocalApify, monkeypatch: pytest.MonkeyPatch, state: Any
) -> None:
    """Airflow tells the worker at its next heartbeat, which is too late, and refuses the deferral."""
    task = played(monkeypatch)

    def is_marked() -> None:
        task.state = state

    assert task.attempt(Fate(MOMENT_OF_THE_FIRST_POST, is_marked)) == "retry"

    assert statuses(obedient_apify) == ["ABORTED"]


def test_an_attempt_that_fails_in_a_task_that_is_gone_leaves_no_run(
    obedient_apify: LocalApify, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The DAG run is deleted: Airflow refuses all that the attempt tells it before it tells the attempt to stop."""
    task = played(monkeypatch, deferrable=False)

    def is_gone(**_xcom: Any) -> None:
        task.state = None  # type: ignore[assignment]
        raise AirflowException("no such task instance")

    monkeypatch.setattr(task, "_push", is_gone)

    assert task.attempt(Fate()) == "retry"

    assert statuses(obedient_apify) == ["ABORTED"]


def test_a_run_goes_on_where_airflow_does_not_answer(
    obedient_apify: LocalApify, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its API server is away; whoever is stopped for that has done nothing wrong."""
    task = played(monkeypatch, deferrable=False)

    def is_away(_ti: Any) -> None:
        raise ConnectionError("the API server is away")

    monkeypatch.setattr(_task_run, "state_of", is_away)
    waits(task, obedient_apify, task.kill)

    assert task.attempt(Fate()) == "retry"

    assert statuses(obedient_apify) == ["RUNNING"]


def test_a_signal_handler_does_nothing_but_stop_the_wait(
    obedient_apify: LocalApify, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its interrupts a line to Airflow, or one of the log, whose locks are held then."""
    task = played(monkeypatch, deferrable=False)
    asked: list[dict[str, int]] = []

    def told() -> None:
        before = obedient_apify.control.ledger().requests
        with pytest.raises(Interrupted):
            task.kill()
        asked.append(obedient_apify.control.ledger().requests)
        assert asked == [before]
        raise Interrupted

    waits(task, obedient_apify, told)

    assert task.attempt(Fate()) == "retry"
    assert len(asked) == 1
    assert statuses(obedient_apify) == ["ABORTED"]


def test_a_task_that_is_killed_while_its_connection_is_looked_up_starts_nothing(
    obedient_apify: LocalApify, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = played(monkeypatch)
    look_up = ApifyHook.get_connection

    def killed(*arguments: Any) -> Any:
        task.kill()
        return look_up(*arguments)

    monkeypatch.setattr(ApifyHook, "get_connection", staticmethod(killed))

    assert task.attempt(Fate()) == "retry"
    assert statuses(obedient_apify) == []


@pytest.mark.parametrize("first", ["ABORTED", "FAILED"])
def test_a_start_that_a_killed_worker_leaves_under_way_is_waited_for(
    obedient_apify: LocalApify, monkeypatch: pytest.MonkeyPatch, first: str
) -> None:
    task = played(monkeypatch)
    assert task.attempt(Fate()) == "execute_complete"
    hook = task.hook_class()()
    if first == "ABORTED":
        hook.abort_run(task.watched_run_id)
    else:
        end(obedient_apify, first)
    event = hook.wait_for_run(task.watched_run_id).to_payload()
    assert task.resume("execute_complete", event, Fate()) == "retry"

    def is_shut_down() -> None:
        task.kill_and_stop(Died(looks=2))

    assert task.attempt(Fate(MOMENT_OF_THE_SECOND_POST, is_shut_down)) == "died"
    assert statuses(obedient_apify) == [first]
    task.attempt(Fate())

    assert task.let_stragglers_arrive() == 0
    assert statuses(obedient_apify) == [first, "RUNNING"]


@pytest.mark.parametrize("moment", FOUR_TIMES_BEFORE_THE_ID_IS_KNOWN)
def test_airflow_2_ends_a_start_by_an_exception_and_its_run_is_aborted(
    obedient_apify: LocalApify, monkeypatch: pytest.MonkeyPatch, moment: int
) -> None:
    task = played(monkeypatch, has_store=False)

    def sigterm() -> None:
        task.kill_and_stop(Terminated(), "failed")

    assert task.attempt(Fate(moment, sigterm)) == "retry"

    assert not obedient_apify.control.ledger().runs_going
