from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_apify.exceptions import ApifyCapacityError, ApifyRunFailed
from airflow_provider_apify.operators import _run_arguments
from airflow_provider_apify.operators.run_actor import RunActorOperator
from local_apify import LocalApify
from tests.dag_runs import AIRFLOW_VERSION, DagRunner, die_at_the_end_of_the_first_attempt
from tests.lost_answers import LOST_ANSWERS, fault_name

SCENARIO = "apify/scenario"
STARTS: dict[str, Any] = {"method": "POST", "path": "/v2/actors/*/runs"}
FULL: dict[str, Any] = {"action": "answer", "status": 402, "error_type": "actor-memory-limit-exceeded", **STARTS}
waiting_both_ways = pytest.mark.parametrize("deferrable", [False, True], ids=["on a worker", "in the triggerer"])


def run_scenario(**arguments: Any) -> RunActorOperator:
    defaults: dict[str, Any] = {
        "task_id": "task",
        "actor_id": SCENARIO,
        "deferrable": False,
        "retry_delay": timedelta(0),
    }
    return RunActorOperator(**(defaults | arguments))


@waiting_both_ways
@pytest.mark.parametrize("fault", LOST_ANSWERS, ids=fault_name)
def test_a_start_whose_answer_is_lost_or_refused_ends_in_one_run(
    apify: LocalApify, airflow: DagRunner, deferrable: bool, fault: dict[str, Any]
) -> None:
    apify.control.add_fault(**fault, **STARTS)
    outcome = airflow.run_task(run_scenario(deferrable=deferrable, run_input={"items": 2}))

    (started,) = apify.control.ledger().runs
    assert outcome.state == "success"
    assert outcome.xcom()["run_id"] == started.run_id


@waiting_both_ways
def test_a_retry_uses_the_run_of_the_attempt_before(apify: LocalApify, airflow: DagRunner, deferrable: bool) -> None:
    dies = die_at_the_end_of_the_first_attempt
    outcome = airflow.run_task(run_scenario(deferrable=deferrable, retries=1, post_execute=dies))

    (started,) = apify.control.ledger().runs
    assert str(outcome.error) == "died at the end"
    assert outcome.state == "success"
    assert outcome.xcom()["run_id"] == started.run_id
    assert outcome.xcom(key="apify_run_link").endswith(started.run_id)
    resumes_instead = deferrable and AIRFLOW_VERSION.startswith("3.0.")  # it keeps the event of the attempt before
    assert (f"started run {started.run_id}: going on with it" in outcome.log) is not resumes_instead


def test_a_run_that_failed_is_followed_by_a_new_one(apify: LocalApify, airflow: DagRunner) -> None:
    apify.control.add_fault("cut-after-commit", **STARTS)
    outcome = airflow.run_task(run_scenario(retries=1, run_input={"endAs": "FAILED"}))

    assert isinstance(outcome.error, ApifyRunFailed)
    assert [run.status for run in apify.control.ledger().runs] == ["FAILED", "FAILED"]


def test_a_run_that_failed_is_resurrected_where_the_task_says_so(apify: LocalApify, airflow: DagRunner) -> None:
    plan = {"endAs": ["FAILED", "SUCCEEDED"], "items": 1}
    outcome = airflow.run_task(run_scenario(retries=1, on_failed_run="resurrect", run_input=plan))

    (started,) = apify.control.ledger().runs
    assert outcome.state == "success"
    assert outcome.xcom()["run_id"] == started.run_id


def test_a_run_that_failed_is_not_paid_for_again_where_the_task_says_so(apify: LocalApify, airflow: DagRunner) -> None:
    outcome = airflow.run_task(run_scenario(retries=1, on_failed_run="fail", run_input={"endAs": "FAILED"}))

    assert apify.control.ledger().runs_started == 1
    assert outcome.task_state() == "failed"


@waiting_both_ways
def test_a_task_waits_for_capacity(
    apify: LocalApify, airflow: DagRunner, deferrable: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_run_arguments, "_LONGEST_CAPACITY_PAUSE_SECONDS", 0.1)
    monkeypatch.setattr(_run_arguments, "_LONGEST_DEFERRED_PAUSE_SECONDS", 0.1)
    apify.control.add_fault(**FULL, times=2)
    outcome = airflow.run_task(run_scenario(deferrable=deferrable, wait_for_capacity=300))

    assert outcome.state == "success"
    assert apify.control.ledger().runs_started == 1


@waiting_both_ways
def test_capacity_that_does_not_come_in_time_fails_the_attempt_with_nothing_started(
    apify: LocalApify, airflow: DagRunner, deferrable: bool
) -> None:
    apify.control.add_fault(**FULL, times=None)
    outcome = airflow.run_task(run_scenario(deferrable=deferrable, wait_for_capacity=0.3))

    assert isinstance(outcome.error, ApifyCapacityError)
    assert apify.control.ledger().runs_started == 0


@waiting_both_ways
def test_a_run_that_becomes_too_expensive_is_aborted_for_good(
    apify: LocalApify, airflow: DagRunner, deferrable: bool
) -> None:
    plan = {"durationSecs": 60}
    outcome = airflow.run_task(
        run_scenario(deferrable=deferrable, retries=1, abort_above_usd=1e-9, poll_interval=0.2, run_input=plan)
    )

    (started,) = apify.control.ledger().runs
    assert isinstance(outcome.error, AirflowFailException)
    assert "above abort_above_usd of 1e-09" in str(outcome.error)
    assert started.aborted_by_request


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"on_failed_run": "again"}, "on_failed_run must be one of new, resurrect, fail, not 'again'"),
        ({"wait_for_capacity": -1}, "wait_for_capacity must be seconds, 0 or more"),
        ({"abort_above_usd": 0}, "abort_above_usd must be US dollars above 0"),
    ],
)
def test_wrong_arguments_are_refused_when_the_dag_is_parsed(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        run_scenario(**arguments)
