from __future__ import annotations

from functools import partial

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.operators.run_lifecycle import (
    DeleteRunOperator,
)
from local_apify import LocalApify
from tests.dag_runs import REMEMBERS, DagRunner, die_at_the_end_of_the_first_attempt
from tests.operators.changed_runs import ONE_RETRY


@pytest.mark.parametrize("fault", ["", "cut-before-commit", "cut-after-commit"])
def test_a_deleted_run_is_gone_and_returned_as_it_was(
    apify: LocalApify, airflow: DagRunner, failed: str, fault: str
) -> None:
    if fault:
        apify.control.add_fault(fault, method="DELETE")
    outcome = airflow.run_task(DeleteRunOperator(run_id=failed, **ONE_RETRY))

    assert (outcome.state, outcome.errors) == ("success", {})
    assert (outcome.xcom()["run_id"], outcome.xcom()["status"]) == (failed, "ABORTED")
    assert outcome.xcom(key="apify_run_link") is None
    assert "ApifyNotFoundError" in str(airflow.run_task(DeleteRunOperator(task_id="task", run_id=failed)).error)


@pytest.mark.parametrize("ignores", [False, True])
def test_a_retry_finds_that_the_attempt_before_has_deleted_the_run(
    airflow: DagRunner, failed: str, ignores: bool
) -> None:
    delete = partial(DeleteRunOperator, ignore_if_missing=ignores, **ONE_RETRY)
    outcome = airflow.run_task(delete(run_id=failed, post_execute=die_at_the_end_of_the_first_attempt))

    if REMEMBERS or ignores:
        assert str(outcome.error) == "died at the end"
        assert (outcome.state, outcome.xcom()) == ("success", None)
        assert "Taken for deleted" in outcome.log
    else:  # nobody knows whether there was such a run
        assert isinstance(outcome.error, AirflowFailException)


def test_an_outage_does_not_make_a_wrong_id_a_deleted_run(apify: LocalApify, airflow: DagRunner) -> None:
    apify.control.add_fault("answer", status=503, headers={"Retry-After": "0"}, times=6)
    outcome = airflow.run_task(DeleteRunOperator(run_id="nothing", **ONE_RETRY))

    assert isinstance(outcome.error, AirflowFailException)
    assert outcome.state == "failed"
    assert apify.control.ledger().requests["GET /v2/actor-runs/{runId}"] == 6 + 3


@pytest.mark.parametrize("ignores", [False, True])
def test_a_404_that_is_not_apify_s_does_not_make_a_run_a_deleted_run(
    apify: LocalApify, airflow: DagRunner, failed: str, ignores: bool
) -> None:
    apify.control.add_fault("answer", method="DELETE", status=404, error_type="nginx", times=3)
    outcome = airflow.run_task(DeleteRunOperator(task_id="task", run_id=failed, ignore_if_missing=ignores))

    assert isinstance(outcome.error, AirflowFailException)
    assert apify.control.ledger().runs


def test_a_run_that_was_found_is_deleted_when_it_is_gone_after_an_outage(
    apify: LocalApify, airflow: DagRunner, failed: str
) -> None:
    apify.control.add_fault("answer-after-commit", method="DELETE", status=503, headers={"Retry-After": "0"}, times=6)
    outcome = airflow.run_task(DeleteRunOperator(run_id=failed, **ONE_RETRY))

    assert outcome.state == ("success" if REMEMBERS else "failed")


def test_a_missing_run_is_deleted_enough_where_the_task_says_so(airflow: DagRunner) -> None:
    delete = DeleteRunOperator(task_id="task", run_id="nothing", ignore_if_missing=True)
    assert airflow.run_task(delete).state == "success"


def test_a_run_that_goes_on_is_not_deleted(airflow: DagRunner, hook: ApifyHook, running: str) -> None:
    outcome = airflow.run_task(DeleteRunOperator(run_id=running, **ONE_RETRY))

    assert isinstance(outcome.error, AirflowFailException)
    assert "cannot-remove-running-run" in str(outcome.error)
    assert hook.get_run(running).is_going
