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

from airflow_provider_apify._api.runs import starting, waiting
from airflow_provider_apify._api.runs.finding import Finder
from airflow_provider_apify._api.runs.starting import Starter
from airflow_provider_apify.operators import _run_memory, _task_run
from local_apify import LocalApify
from tests.dag_runs import AIRFLOW_VERSION
from tests.operators.obedient import orders
from tests.operators.played_task import Fate, Stopped
from tests.operators.scenes import (
    MOMENT_OF_THE_FIRST_POST,
    dies,
    played,
    statuses,
    waits,
)

OUTAGE_REQUESTS = 41


class TimeIsOver(Stopped, AirflowTaskTimeout):
    """Airflow ends the task in the midst of something."""


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
    abort = starting.abort_lastingly

    def abort_in_time(*arguments: Any, **options: Any) -> Any:
        for error in time_is_over:
            raise error
        return abort(*arguments, **options)

    monkeypatch.setattr(_task_run, "abort_lastingly", abort_in_time)
    monkeypatch.setattr(task, "_push", Mock(side_effect=AirflowException("no XCom")))

    with pytest.raises(TimeIsOver):
        task.attempt(Fate())

    assert statuses(obedient_apify) == ["ABORTED"]


def test_the_last_attempt_asks_nobody_before_it_aborts(
    obedient_apify: LocalApify, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = played(monkeypatch, deferrable=False)
    task.clear(retries=0)
    waits(task, obedient_apify, lambda: task.kill("running"))

    assert task.attempt(Fate()) == "failed"

    assert statuses(obedient_apify) == ["ABORTED"]


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
