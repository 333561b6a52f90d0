"""Narrow places of the promise: what must not become a second run, nor leave one behind."""

from __future__ import annotations

import time
from datetime import timedelta
from functools import partial
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowTaskTimeout

from airflow_provider_apify._api.runs import waiting
from airflow_provider_apify._api.runs.finding import Finder
from airflow_provider_apify._api.runs.starting import Starter
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.models.runs import RunEvent
from airflow_provider_apify.operators import _run_memory, _task_run
from airflow_provider_apify.operators._interruption import Interrupted
from local_apify import LocalApify
from tests.dag_runs import AIRFLOW_VERSION
from tests.operators.obedient import orders
from tests.operators.played_task import Died, Fate, Stopped, Terminated
from tests.operators.scenes import (
    MOMENT_OF_THE_FIRST_POST,
    MOMENT_OF_THE_SECOND_POST,
    dies,
    end,
    played,
    spend,
    statuses,
    waits,
)

FOUR_TIMES_BEFORE_THE_ID_IS_KNOWN = range(4)
OUTAGE_REQUESTS = 41
LITTLE = 1e-12


class TimeIsOver(Stopped, AirflowTaskTimeout):
    """Airflow ends the task in the midst of something."""


@pytest.mark.parametrize("on_failed_run", ["fail", "resurrect"])
def test_a_clear_of_a_running_task_starts_anew_where_airflow_keeps_a_state(
    obedient_apify: LocalApify, monkeypatch: pytest.MonkeyPatch, on_failed_run: str
) -> None:
    """Airflow 3.3 raises ``max_tries`` for it."""
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


@pytest.mark.parametrize("state", ["queued", "scheduled", "deferred", "up_for_retry", "running"])
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


def test_a_last_attempt_aborts_the_run_of_the_one_before_though_airflow_tells_nothing(
    obedient_apify: LocalApify, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = played(monkeypatch, deferrable=False)
    waits(task, obedient_apify, dies)
    assert task.attempt(Fate()) == "died"
    task.clear(retries=0)

    monkeypatch.setattr(task, "_recall", Mock(side_effect=AirflowException("the API server is away")))

    assert task.attempt(Fate()) == "failed"

    assert statuses(obedient_apify) == ["ABORTED"]


def test_nothing_is_started_when_the_task_s_time_is_over(
    obedient_apify: LocalApify, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = played(monkeypatch, execution_timeout=timedelta(hours=1), wait_for_capacity=60)
    task.began -= timedelta(hours=2)

    assert task.resume("execute_after_pause", {"until": time.time() + 60}, Fate()) == "retry"

    assert obedient_apify.control.ledger().requests.get("POST /v2/actors/{actorId}/runs", 0) == 0


def test_a_time_out_while_a_run_is_given_up_does_not_keep_it(
    obedient_apify: LocalApify, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = played(monkeypatch, deferrable=False)
    task.clear(retries=0)
    time_is_over = iter([TimeIsOver(looks=0)])
    abort = ApifyHook.abort_run

    def abort_in_time(hook: ApifyHook, run_id: str) -> Any:
        for error in time_is_over:
            raise error
        return abort(hook, run_id)

    monkeypatch.setattr(ApifyHook, "abort_run", abort_in_time)
    monkeypatch.setattr(task, "_push", Mock(side_effect=AirflowException("no XCom")))

    with pytest.raises(TimeIsOver):
        task.attempt(Fate())

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


def test_the_last_attempt_asks_nobody_before_it_aborts(
    obedient_apify: LocalApify, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = played(monkeypatch, deferrable=False)
    task.clear(retries=0)
    waits(task, obedient_apify, lambda: task.kill("running"))

    assert task.attempt(Fate()) == "failed"

    assert statuses(obedient_apify) == ["ABORTED"]


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


@pytest.mark.parametrize("reason", ["deadline_passed", "cost_limit_passed"])
def test_an_abort_at_a_limit_outlasts_an_outage(
    obedient_apify: LocalApify, monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    task = played(monkeypatch, abort_above_usd=1)
    assert task.attempt(Fate()) == "execute_complete"
    run = task.hook_class()().get_run(task.watched_run_id)
    event = {"run": dict(run.raw), "deadline_passed": False, "cost_limit_passed": False} | {reason: True}
    obedient_apify.control.add_fault("answer", method="POST", path="/v2/actor-runs/*/abort", status=503, times=6)

    task.resume("execute_complete", event, Fate())

    assert not obedient_apify.control.ledger().runs_going


def test_a_404_that_is_not_apify_s_leads_to_no_second_run(
    obedient_apify: LocalApify, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = played(monkeypatch)
    assert task.attempt(Fate()) == "execute_complete"
    obedient_apify.control.add_fault(
        "answer", method="GET", path="/v2/actor-runs/*", status=404, error_type="nginx", times=3
    )

    task.attempt(Fate())

    assert statuses(obedient_apify) == ["RUNNING"]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 407])
def test_a_proxy_s_refusal_does_not_end_a_run_that_is_waited_for(
    obedient_apify: LocalApify, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    task = played(monkeypatch, deferrable=False)
    monkeypatch.setattr(waiting, "REPLICA_LAG_SECONDS", -1_000.0)  # as after a while
    obedient_apify.control.add_fault(
        "answer", method="GET", path="/v2/actor-runs/*", status=status, text="<html>No</html>"
    )

    def let_it_succeed_afterwards() -> None:
        if obedient_apify.control.faults()[0]["happened"]:
            orders[obedient_apify.control.ledger().runs[0].run_id] = "SUCCEEDED"

    task.on_wait = let_it_succeed_afterwards

    assert task.attempt(Fate()) == "success"
    assert obedient_apify.control.faults()[0]["happened"] == 1
    assert statuses(obedient_apify) == ["SUCCEEDED"]


def test_a_last_attempt_aborts_its_run_though_it_could_not_look_for_another(
    obedient_apify: LocalApify, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first start is lost, the second is answered, and then the list of runs is refused."""
    task = played(monkeypatch)
    task.clear(retries=0)
    obedient_apify.control.add_fault("cut-before-commit", method="POST", path="/v2/actors/*/runs")
    refused: dict[str, Any] = {"status": 403, "error_type": "insufficient-permissions"}
    obedient_apify.control.add_fault("answer", method="GET", path="/v2/actors/*/runs", skip=5, **refused)

    assert task.attempt(Fate()) == "failed"

    assert statuses(obedient_apify) == ["ABORTED"]


@pytest.mark.parametrize("hours", [0.5, 2, -2])
def test_a_start_whose_answer_is_lost_is_found_however_wrong_the_worker_s_clock_is(
    obedient_apify: LocalApify, monkeypatch: pytest.MonkeyPatch, hours: float
) -> None:
    real = time.time
    monkeypatch.setattr(_task_run, "Finder", partial(Finder, clock=lambda: real() + 3_600 * hours))
    monkeypatch.setattr(_task_run, "Starter", partial(Starter, clock=lambda: real() + 3_600 * hours))
    task = played(monkeypatch)
    obedient_apify.control.add_fault("cut-after-commit", method="POST", path="/v2/actors/*/runs")

    assert task.attempt(Fate()) == "execute_complete"

    assert statuses(obedient_apify) == ["RUNNING"]


def test_a_worker_s_clock_may_be_wrong_by_minutes(obedient_apify: LocalApify, monkeypatch: pytest.MonkeyPatch) -> None:
    task = played(monkeypatch)
    real = time.time
    monkeypatch.setattr(_run_memory, "time", SimpleNamespace(time=lambda: real() + 1_800))

    task.attempt(Fate(4, dies))
    assert statuses(obedient_apify) == ["RUNNING"]

    task.attempt(Fate())

    assert statuses(obedient_apify) == ["RUNNING"]


@pytest.mark.parametrize("has_store", [True, False])
@pytest.mark.parametrize("moment", [1, 2])
def test_a_retry_does_not_spend_again_what_was_too_much(
    obedient_apify: LocalApify, monkeypatch: pytest.MonkeyPatch, has_store: bool, moment: int
) -> None:
    """The worker is shut down, and dies, when the abort is done or soon after that."""
    task = played(monkeypatch, has_store=has_store, abort_above_usd=LITTLE)
    assert task.attempt(Fate()) == "execute_complete"

    def is_shut_down() -> None:
        task.kill_and_stop(Died())

    task.resume("execute_complete", spend(obedient_apify, task), Fate(moment, is_shut_down))

    assert task.attempt(Fate()) == "failed"
    assert statuses(obedient_apify) == ["ABORTED"]


def test_a_clear_after_a_run_that_was_too_expensive_spends_again(
    obedient_apify: LocalApify, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = played(monkeypatch, abort_above_usd=LITTLE)
    assert task.attempt(Fate()) == "execute_complete"
    assert task.resume("execute_complete", spend(obedient_apify, task), Fate()) == "failed"
    task.clear()

    assert task.attempt(Fate()) == "execute_complete"
    assert statuses(obedient_apify) == ["ABORTED", "RUNNING"]


def test_a_run_at_its_limit_is_aborted_though_airflow_cannot_note_anything(
    obedient_apify: LocalApify, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = played(monkeypatch, abort_above_usd=LITTLE)
    assert task.attempt(Fate()) == "execute_complete"

    def is_down(*_: Any, **__: Any) -> None:
        raise AirflowException("the API server is down")

    monkeypatch.setattr(task, "_recall", is_down)
    monkeypatch.setattr(task, "_note", is_down)

    assert task.resume("execute_complete", spend(obedient_apify, task), Fate()) == "failed"
    assert not obedient_apify.control.ledger().runs_going


def test_what_the_trigger_has_aborted_is_not_aborted_again(
    obedient_apify: LocalApify, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = played(monkeypatch, abort_above_usd=LITTLE)
    assert task.attempt(Fate()) == "execute_complete"
    hook = task.hook_class()()
    event = RunEvent(hook.abort_run(task.watched_run_id), deadline_passed=True).to_payload()

    assert task.resume("execute_complete", event, Fate()) == "retry"
    assert obedient_apify.control.ledger().requests["POST /v2/actor-runs/{runId}/abort"] == 1


@pytest.mark.parametrize("abort_on_kill", [True, False])
def test_a_start_that_the_task_s_time_cuts_off_leaves_no_run_behind(
    obedient_apify: LocalApify, monkeypatch: pytest.MonkeyPatch, abort_on_kill: bool
) -> None:
    """Airflow raises its time-out out of the request, and calls ``on_kill`` after that; no SIGKILL follows."""
    task = played(monkeypatch, deferrable=False, abort_on_kill=abort_on_kill)

    def time_is_over() -> None:
        raise TimeIsOver(looks=1)

    with pytest.raises(TimeIsOver):
        task.attempt(Fate(MOMENT_OF_THE_FIRST_POST, time_is_over))
    task.kill()

    assert task.let_stragglers_arrive() == 0
    assert statuses(obedient_apify) == ["ABORTED"]


def test_the_last_attempt_looks_for_a_run_that_it_may_have_started(
    obedient_apify: LocalApify, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Apify does not answer for half an hour after the start."""
    task = played(monkeypatch)
    task.clear(retries=0)
    obedient_apify.control.add_fault("cut-after-commit", method="POST", path="/v2/actors/*/runs")
    obedient_apify.control.add_fault(
        "answer", method="GET", path="/v2/actors/*/runs", status=503, times=OUTAGE_REQUESTS
    )

    assert task.attempt(Fate()) == "failed"

    assert statuses(obedient_apify) == ["ABORTED"]


def test_a_run_that_cannot_be_aborted_is_told_with_its_address(
    obedient_apify: LocalApify,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    task = played(monkeypatch, deferrable=False)
    obedient_apify.control.add_fault("answer", method="POST", path="/v2/actor-runs/*/abort", status=503, times=None)
    waits(task, obedient_apify, task.kill)

    assert task.attempt(Fate()) == "retry"

    address = f"https://console.apify.com/actors/runs/{task.watched_run_id}"
    log = caplog.text + capsys.readouterr().out  # Airflow 3 prints it
    assert f"may go on and cost money; look at {address}" in log


if not AIRFLOW_VERSION.startswith(("2.", "3.0.", "3.1.", "3.2.")):
    from airflow.sdk import RetryDecision, RetryPolicy
    from airflow.sdk.bases.operator import TriggerFailureReason

    class Never(RetryPolicy):
        """Lets no retry follow."""

        def evaluate(self, *_: Any, **__: Any) -> RetryDecision:
            return RetryDecision.fail("enough")

    def test_where_the_retry_policy_lets_no_attempt_follow_nobody_s_run_goes_on(
        obedient_apify: LocalApify, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        task = played(monkeypatch, retry_policy=Never())
        assert task.attempt(Fate()) == "execute_complete"

        task.resume("__fail__", {}, Fate())

        assert statuses(obedient_apify) == ["ABORTED"]

    def test_a_deferral_that_takes_too_long_is_a_failed_one(
        obedient_apify: LocalApify, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        task = played(monkeypatch, retry_policy=Never())
        assert task.attempt(Fate()) == "execute_complete"

        task.resume("__fail__", {"error": TriggerFailureReason.TRIGGER_TIMEOUT}, Fate())

        assert statuses(obedient_apify) == ["ABORTED"]
