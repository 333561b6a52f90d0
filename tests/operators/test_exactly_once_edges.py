"""Narrow places of the promise: what must not become a second run, nor leave one behind."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_apify._api import flows
from airflow_provider_apify._api.starting import Starter
from airflow_provider_apify.hooks import _runs
from airflow_provider_apify.operators import _memory, run_actor
from airflow_provider_apify.testing import LocalApify, Settings
from tests.dag_runs import AIRFLOW_VERSION
from tests.operators.played_task import PACE, Died, Fate, PlayedTask
from tests.operators.test_exactly_once_property import obedient, orders

FOUR_TIMES_BEFORE_THE_ID_IS_KNOWN = range(4)


@pytest.fixture
def apify(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalApify]:
    with LocalApify(actors=[obedient], settings=Settings(ready_seconds=0, graceful_abort_seconds=5 * PACE)) as apify:
        connection = {"conn_type": "apify", "host": apify.base_url, "password": apify.token}
        monkeypatch.setenv("AIRFLOW_CONN_APIFY_DEFAULT", json.dumps(connection))
        yield apify


def played(monkeypatch: pytest.MonkeyPatch, *, has_store: bool = True, **arguments: Any) -> PlayedTask:
    task = PlayedTask(has_store=has_store, actor_id=obedient.name, log_lines=0, **arguments)
    monkeypatch.setattr(run_actor, "ApifyHook", task.hook_class())
    return task


def statuses(apify: LocalApify) -> list[str]:
    return [run.status for run in apify.control.ledger().runs]


@pytest.mark.parametrize("on_failed_run", ["fail", "resurrect"])
def test_a_clear_of_a_running_task_starts_anew_where_airflow_keeps_a_state(
    apify: LocalApify, monkeypatch: pytest.MonkeyPatch, on_failed_run: str
) -> None:
    """Airflow leaves ``max_tries`` as it is then: only ``on_kill`` tells it from a retry."""
    task = played(monkeypatch, on_failed_run=on_failed_run)
    assert task.attempt(Fate()) == "execute_complete"
    task.kill()

    assert task.attempt(Fate()) == "execute_complete"

    assert statuses(apify) == ["ABORTED", "RUNNING"]


@pytest.mark.parametrize("moment", FOUR_TIMES_BEFORE_THE_ID_IS_KNOWN)
def test_airflow_2_ends_a_start_by_an_exception_and_its_run_is_aborted(
    apify: LocalApify, monkeypatch: pytest.MonkeyPatch, moment: int
) -> None:
    class AirflowTaskTerminated(BaseException):
        pass

    task = played(monkeypatch, has_store=False)

    def sigterm() -> None:
        task.kill()
        raise AirflowTaskTerminated

    with pytest.raises(AirflowTaskTerminated):
        task.attempt(Fate(moment, sigterm))

    assert not apify.control.ledger().runs_going


@pytest.mark.parametrize("reason", ["deadline_passed", "cost_limit_passed"])
def test_an_abort_at_a_limit_outlasts_an_outage(
    apify: LocalApify, monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    task = played(monkeypatch, abort_above_usd=1)
    assert task.attempt(Fate()) == "execute_complete"
    run = task.hook_class()().get_run(task.watched_run_id)
    event = {"run": dict(run.raw), "deadline_passed": False, "cost_limit_passed": False} | {reason: True}
    apify.control.add_fault("answer", method="POST", path="/v2/actor-runs/*/abort", status=503, times=6)

    task.resume("execute_complete", event, Fate())

    assert not apify.control.ledger().runs_going


def test_a_404_that_is_not_apify_s_leads_to_no_second_run(apify: LocalApify, monkeypatch: pytest.MonkeyPatch) -> None:
    task = played(monkeypatch)
    assert task.attempt(Fate()) == "execute_complete"
    apify.control.add_fault("answer", method="GET", path="/v2/actor-runs/*", status=404, error_type="nginx", times=3)

    task.attempt(Fate())

    assert statuses(apify) == ["RUNNING"]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 407])
def test_a_proxy_s_refusal_does_not_end_a_run_that_is_waited_for(
    apify: LocalApify, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    task = played(monkeypatch, deferrable=False)
    monkeypatch.setattr(flows, "_REPLICA_LAG_SECONDS", -1_000.0)  # as after a while
    apify.control.add_fault("answer", method="GET", path="/v2/actor-runs/*", status=status, text="<html>No</html>")

    def let_it_succeed_afterwards() -> None:
        if apify.control.faults()[0]["happened"]:
            orders[apify.control.ledger().runs[0].run_id] = "SUCCEEDED"

    task.on_wait = let_it_succeed_afterwards

    assert task.attempt(Fate()) == "success"
    assert apify.control.faults()[0]["happened"] == 1
    assert statuses(apify) == ["SUCCEEDED"]


def test_a_last_attempt_aborts_its_run_though_it_could_not_look_for_another(
    apify: LocalApify, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first start is lost, the second is answered, and then the list of runs is refused."""
    task = played(monkeypatch)
    task.clear(retries=0)
    apify.control.add_fault("cut-before-commit", method="POST", path="/v2/actors/*/runs")
    refused: dict[str, Any] = {"status": 403, "error_type": "insufficient-permissions"}
    apify.control.add_fault("answer", method="GET", path="/v2/actors/*/runs", skip=5, **refused)

    assert task.attempt(Fate()) == "failed"

    assert statuses(apify) == ["ABORTED"]


@pytest.mark.parametrize("hours", [0.5, 2, -2])
def test_a_start_whose_answer_is_lost_is_found_however_wrong_the_worker_s_clock_is(
    apify: LocalApify, monkeypatch: pytest.MonkeyPatch, hours: float
) -> None:
    real = time.time
    monkeypatch.setattr(_runs, "Starter", partial(Starter, clock=lambda: real() + 3_600 * hours))
    task = played(monkeypatch)
    apify.control.add_fault("cut-after-commit", method="POST", path="/v2/actors/*/runs")

    assert task.attempt(Fate()) == "execute_complete"

    assert statuses(apify) == ["RUNNING"]


def test_a_worker_s_clock_may_be_wrong_by_minutes(apify: LocalApify, monkeypatch: pytest.MonkeyPatch) -> None:
    task = played(monkeypatch)
    real = time.time
    monkeypatch.setattr(_memory, "time", SimpleNamespace(time=lambda: real() + 1_800))

    def dies() -> None:
        raise Died

    task.attempt(Fate(4, dies))
    assert statuses(apify) == ["RUNNING"]

    task.attempt(Fate())

    assert statuses(apify) == ["RUNNING"]


def test_a_retry_does_not_spend_again_what_was_too_much(apify: LocalApify, monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker dies between the abort and the end of its task."""
    task = played(monkeypatch, abort_above_usd=1)
    assert task.attempt(Fate()) == "execute_complete"
    run = task.hook_class()().get_run(task.watched_run_id)
    event = {"run": dict(run.raw), "deadline_passed": False, "cost_limit_passed": True}

    def dies() -> None:
        raise Died

    task.resume("execute_complete", event, Fate(2, dies))
    task.attempt(Fate())

    assert statuses(apify) == ["ABORTED"]


def test_a_run_that_cannot_be_aborted_is_told_with_its_address(
    apify: LocalApify,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    task = played(monkeypatch)
    assert task.attempt(Fate()) == "execute_complete"
    apify.control.add_fault("answer", method="POST", path="/v2/actor-runs/*/abort", status=503, times=None)

    task.kill()

    address = f"https://console.apify.com/actors/runs/{task.watched_run_id}"
    log = caplog.text + capsys.readouterr().out  # Airflow 3 prints it
    assert f"may go on and cost money; look at {address}" in log


@pytest.mark.parametrize("has_store", [True, False])
def test_a_clear_of_another_task_of_the_dag_run_leaves_the_run_of_this_one_alone(
    apify: LocalApify, monkeypatch: pytest.MonkeyPatch, has_store: bool
) -> None:
    """Since 3.2 Airflow counts such a clear in the DAG run that goes on."""
    task = played(monkeypatch, has_store=has_store, counts_clears=True)
    assert task.attempt(Fate()) == "execute_complete"
    task.clear_another()

    task.attempt(Fate())

    assert statuses(apify) == ["RUNNING"]


if not AIRFLOW_VERSION.startswith(("2.", "3.0.", "3.1.", "3.2.")):
    from airflow.sdk import RetryDecision, RetryPolicy

    class Never(RetryPolicy):
        """Lets no retry follow."""

        def evaluate(self, *_: Any, **__: Any) -> RetryDecision:
            return RetryDecision.fail("enough")

    def test_where_the_retry_policy_lets_no_attempt_follow_nobody_s_run_goes_on(
        apify: LocalApify, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        task = played(monkeypatch, retry_policy=Never())
        assert task.attempt(Fate()) == "execute_complete"

        task.resume("__fail__", {}, Fate())

        assert statuses(apify) == ["ABORTED"]
