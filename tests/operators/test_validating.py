"""An input that is checked before anything is spent on it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

from airflow_provider_apify.operators.run_actor import RunActorOperator
from local_apify import LocalApify
from tests.dag_runs import DagRunner

CHECK = "POST /v2/actors/{actorId}/validate-input"
CRAWLER = "apify/website-content-crawler"
waiting_both_ways = pytest.mark.parametrize("deferrable", [False, True], ids=["on a worker", "in the triggerer"])


def run_crawler(**arguments: Any) -> RunActorOperator:
    defaults: dict[str, Any] = {"task_id": "task", "deferrable": False, "validate_input": True}
    target = {} if "actor_task_id" in arguments else {"actor_id": CRAWLER}
    return RunActorOperator(**(defaults | target | arguments))


@waiting_both_ways
def test_a_wrong_input_fails_the_task_for_good_before_a_run_is_started(
    apify: LocalApify, airflow: DagRunner, deferrable: bool
) -> None:
    outcome = airflow.run_task(run_crawler(run_input={"maxCrawlPages": 1}, retries=3, deferrable=deferrable))

    assert isinstance(outcome.error, AirflowFailException)
    assert "ApifyInvalidInputError" in str(outcome.error)
    assert "Field input.startUrls is required" in str(outcome.error)
    assert apify.control.ledger().runs_started == 0
    assert "may have been started" not in outcome.log


@waiting_both_ways
def test_a_good_input_is_checked_once_and_runs(apify: LocalApify, airflow: DagRunner, deferrable: bool) -> None:
    start = {"startUrls": [{"url": f"{apify.base_url}/shop/"}], "maxCrawlPages": 1}
    outcome = airflow.run_task(run_crawler(run_input=start, deferrable=deferrable))

    assert outcome.xcom()["item_count"] == 1
    assert apify.control.ledger().requests[CHECK] == 1


def test_the_input_of_a_saved_task_is_checked_with_what_the_dag_puts_over_it(
    apify: LocalApify, airflow: DagRunner
) -> None:
    task_id = apify.add_task("half", CRAWLER, {"maxCrawlPages": 1})
    refused = airflow.run_task(run_crawler(actor_task_id=task_id))
    over = {"startUrls": [{"url": f"{apify.base_url}/shop/"}]}
    accepted = airflow.run_task(run_crawler(actor_task_id=task_id, run_input=over))

    assert "Field input.startUrls is required" in str(refused.error)
    assert accepted.xcom()["item_count"] == 1
    assert apify.control.ledger().runs_started == 1


def test_a_retry_that_goes_on_with_a_run_checks_nothing(apify: LocalApify, airflow: DagRunner) -> None:
    def die_at_the_end_of_the_first_attempt(context: Any, result: Any) -> None:  # noqa: ARG001 - Airflow's signature
        if context["ti"].try_number == 1:
            raise AirflowException("died at the end")

    start = {"startUrls": [{"url": f"{apify.base_url}/shop/"}], "maxCrawlPages": 1}
    dies = {"retries": 1, "retry_delay": timedelta(0), "post_execute": die_at_the_end_of_the_first_attempt}
    outcome = airflow.run_task(run_crawler(run_input=start, **dies))

    assert outcome.state == "success"
    assert apify.control.ledger().requests[CHECK] == 1


def test_without_being_asked_for_nothing_is_checked(apify: LocalApify, airflow: DagRunner) -> None:
    outcome = airflow.run_task(run_crawler(run_input={"maxCrawlPages": 1}, validate_input=False))

    assert isinstance(outcome.error, AirflowFailException)  # the start itself is refused
    assert "Field input.startUrls is required" in str(outcome.error)
    assert CHECK not in apify.control.ledger().requests
    assert apify.control.ledger().runs_started == 0
