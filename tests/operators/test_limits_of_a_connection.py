"""What a connection says about money holds for every task that runs an Actor, however it waits."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowFailException, task

from airflow_provider_apify._api import budget
from airflow_provider_apify.exceptions import ApifyBudgetRenewsSoon, ApifyConnectionError
from airflow_provider_apify.operators.run_actor import RunActorOperator
from airflow_provider_apify.operators.run_lifecycle import ResurrectRunOperator
from local_apify import LocalApify
from tests.dag_runs import START_DATE, DagRunner, die_at_the_end_of_the_first_attempt
from tests.local_apify.client import Client
from tests.spending import asked, limit, spend, started

LITTLE = 1e-9
GOING = {"durationSecs": 60}
DEAR = {"chargedEvents": {"page": 300}}
waiting_both_ways = pytest.mark.parametrize("deferrable", [False, True], ids=["on a worker", "in the triggerer"])


def run_scenario(**arguments: Any) -> RunActorOperator:
    defaults: dict[str, Any] = {
        "task_id": "task",
        "actor_id": "apify/scenario",
        "deferrable": False,
        "retries": 1,
        "retry_delay": timedelta(0),
        "poll_interval": 0.2,
    }
    return RunActorOperator(**(defaults | arguments))


# Usage


@waiting_both_ways
@pytest.mark.parametrize(
    "amounts",
    [
        {"default_abort_above_usd": LITTLE},
        {"limit_abort_above_usd": LITTLE, "of_the_task": "{{ '' }}"},
        {"default_abort_above_usd": LITTLE, "limit_abort_above_usd": 5},
        {"default_abort_above_usd": 4, "limit_abort_above_usd": 5, "of_the_task": LITTLE},
    ],
    ids=["default", "limit", "default below the limit", "the task's own"],
)
def test_a_run_is_aborted_above_what_task_or_connection_allow(
    apify: LocalApify,
    airflow: DagRunner,
    monkeypatch: pytest.MonkeyPatch,
    deferrable: bool,
    amounts: dict[str, Any],
) -> None:
    extra = {name: amount for name, amount in amounts.items() if name != "of_the_task"}
    limit(apify, monkeypatch, **extra)
    own = amounts.get("of_the_task")
    outcome = airflow.run_task(run_scenario(deferrable=deferrable, abort_above_usd=own, run_input=GOING))

    (run,) = apify.control.ledger().runs
    assert isinstance(outcome.error, AirflowFailException)
    words = "1e-09; " if own == LITTLE else "1E-9, which Airflow connection 'apify_default' sets; "
    assert f"above abort_above_usd of {words}" in str(outcome.error)
    assert run.aborted_by_request


@waiting_both_ways
def test_an_actor_that_is_paid_per_event_is_aborted_for_what_it_charges(
    apify: LocalApify, airflow: DagRunner, monkeypatch: pytest.MonkeyPatch, deferrable: bool
) -> None:
    limit(apify, monkeypatch, default_abort_above_usd=0.5)
    plan = {"chargedEvents": {"page": 200}, **GOING}
    outcome = airflow.run_task(run_scenario(deferrable=deferrable, run_input=plan))

    assert "above abort_above_usd of 0.5, which Airflow connection" in str(outcome.error)
    assert apify.control.ledger().runs[0].aborted_by_request


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"abort_above_usd": 5.01}, "abort_above_usd is 5.01, but Airflow connection 'apify_default' allows a run at"),
        ({"abort_above_usd": "{{ 6 }}"}, "abort_above_usd is 6, but Airflow connection 'apify_default' allows a run"),
        ({"wait_for_completion": False}, "nobody watches this one. Run it with RunActorOperator"),
    ],
)
def test_a_task_that_asks_for_more_fails_for_good_before_anything_is_started(
    apify: LocalApify, airflow: DagRunner, monkeypatch: pytest.MonkeyPatch, arguments: dict[str, Any], words: str
) -> None:
    limit(apify, monkeypatch, limit_abort_above_usd=5)
    outcome = airflow.run_task(run_scenario(**arguments))

    assert isinstance(outcome.error, AirflowFailException)
    assert words in str(outcome.error)
    assert apify.control.ledger().runs_started == 0


def test_a_run_that_nobody_waits_for_does_without_the_default(
    apify: LocalApify, airflow: DagRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit(apify, monkeypatch, default_abort_above_usd=LITTLE)
    outcome = airflow.run_task(run_scenario(wait_for_completion=False))

    assert outcome.state == "success"
    assert apify.control.ledger().runs_started == 1


def test_a_run_that_nobody_watches_is_not_resurrected_under_a_limit_on_usage(
    apify: LocalApify, airflow: DagRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = Client(apify)
    with client.session:
        run_id = client.finish({"endAs": ["FAILED", "SUCCEEDED"]})["id"]
    limit(apify, monkeypatch, limit_abort_above_usd=5)
    outcome = airflow.run_task(ResurrectRunOperator(task_id="task", run_id=run_id))

    assert "nobody watches this one" in str(outcome.error)


@pytest.fixture(autouse=True)
def _within_the_month(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have no edge of the billing cycle near, on the first and the last of a month either."""
    monkeypatch.setattr(budget, "_EDGE", timedelta(0))


# The budget of a month


@waiting_both_ways
def test_a_budget_that_is_used_up_fails_the_task_for_good(
    apify: LocalApify, airflow: DagRunner, monkeypatch: pytest.MonkeyPatch, deferrable: bool
) -> None:
    spend(apify, 1)
    limit(apify, monkeypatch, monthly_budget_usd=1)
    outcome = airflow.run_task(run_scenario(deferrable=deferrable))
    error: Any = outcome.error

    assert outcome.task_state() == "failed"
    assert (error.budget_usd, error.used_usd) == (1, pytest.approx(1, abs=0.01))
    assert isinstance(error, AirflowFailException)
    assert str(error).startswith("ApifyBudgetUsedUp: Nothing was started: the monthly budget of Airflow connection")
    assert (started(apify), asked(apify)) == ([], 1)


@waiting_both_ways
def test_a_budget_with_something_left_is_no_hindrance(
    apify: LocalApify, airflow: DagRunner, monkeypatch: pytest.MonkeyPatch, deferrable: bool
) -> None:
    limit(apify, monkeypatch, monthly_budget_usd=1)
    outcome = airflow.run_task(run_scenario(deferrable=deferrable))

    assert outcome.state == "success"
    assert (apify.control.ledger().runs_started, asked(apify)) == (1, 1)


@waiting_both_ways
def test_a_retry_goes_on_with_its_run_whatever_the_budget(
    apify: LocalApify, airflow: DagRunner, monkeypatch: pytest.MonkeyPatch, deferrable: bool
) -> None:
    limit(apify, monkeypatch, monthly_budget_usd=1)
    dies = die_at_the_end_of_the_first_attempt
    outcome = airflow.run_task(run_scenario(deferrable=deferrable, post_execute=dies, run_input=DEAR))

    assert str(outcome.error) == "died at the end"
    assert outcome.state == "success"
    assert (apify.control.ledger().runs_started, asked(apify)) == (1, 1)


@pytest.mark.parametrize("on_failed_run", ["new", "resurrect"])
def test_a_retry_after_a_failed_run_spends_no_more_than_the_budget(
    apify: LocalApify, airflow: DagRunner, monkeypatch: pytest.MonkeyPatch, on_failed_run: Any
) -> None:
    limit(apify, monkeypatch, monthly_budget_usd=1)
    plan = {"endAs": "FAILED", **DEAR}
    outcome = airflow.run_task(run_scenario(on_failed_run=on_failed_run, run_input=plan, retries=2))

    (run,) = apify.control.ledger().runs
    assert outcome.task_state() == "failed"
    assert "ApifyBudgetUsedUp" in str(outcome.error)
    assert outcome.task_instance().try_number == 2
    assert run.status == "FAILED"


def test_at_the_edge_of_a_billing_cycle_the_task_is_retried(
    apify: LocalApify, airflow: DagRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budget, "_EDGE", timedelta(days=40))
    spend(apify, 1)
    limit(apify, monkeypatch, monthly_budget_usd=1)
    outcome = airflow.run_task(run_scenario())

    assert isinstance(outcome.error, ApifyBudgetRenewsSoon)
    assert outcome.task_instance().try_number == 2
    assert (started(apify), asked(apify)) == ([], 2)


def test_the_task_is_retried_where_apify_does_not_tell_what_was_used(
    apify: LocalApify, airflow: DagRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit(apify, monkeypatch, monthly_budget_usd=1)
    apify.control.add_fault("garbage", path="/v2/users/me/limits", times=6)
    outcome = airflow.run_task(run_scenario())

    assert isinstance(outcome.error, ApifyConnectionError)
    assert outcome.state == "success"
    assert apify.control.ledger().runs_started == 1


def test_a_decorated_task_keeps_to_both(apify: LocalApify, airflow: DagRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    limit(apify, monkeypatch, monthly_budget_usd=1, default_abort_above_usd=LITTLE)
    with DAG("decorated_with_limits", schedule=None, start_date=START_DATE) as dag:
        task.apify_actor(task_id="task", actor_id="apify/scenario", poll_interval=0.2)(lambda: GOING)()
    too_expensive = airflow.run(dag).error
    spend(apify, 2)
    used_up = airflow.run(dag).error

    assert "above abort_above_usd of 1E-9, which Airflow connection" in str(too_expensive)
    assert "the monthly budget of Airflow connection 'apify_default' is used up" in str(used_up)
    assert apify.control.ledger().runs_started == 2
