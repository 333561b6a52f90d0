from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_apify.exceptions import ApifyCapacityError
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.operators.run_lifecycle import (
    AbortRunOperator,
    DeleteRunOperator,
    MetamorphRunOperator,
    RebootRunOperator,
    ResurrectRunOperator,
    SetRunStatusMessageOperator,
)
from local_apify import LocalApify
from tests.dag_runs import DagRunner
from tests.operators.changed_runs import HELLO, ONE_RETRY, SCENARIO, requests_of

# Abort


@pytest.mark.parametrize("gracefully", [False, True])
def test_an_aborted_run_has_ended_when_the_task_has(airflow: DagRunner, running: str, gracefully: bool) -> None:
    outcome = airflow.run_task(AbortRunOperator(task_id="task", run_id=running, gracefully=gracefully))

    assert outcome.state == "success"
    assert (outcome.xcom()["run_id"], outcome.xcom()["status"]) == (running, "ABORTED")


def test_an_abort_that_is_not_waited_for_returns_the_run_as_it_ends(
    apify: LocalApify, airflow: DagRunner, running: str
) -> None:
    apify.control.settings(graceful_abort_seconds=60)
    abort = AbortRunOperator(task_id="task", run_id=running, gracefully=True, wait_for_completion=False)
    outcome = airflow.run_task(abort)

    assert outcome.xcom()["status"] == "ABORTING"


def test_a_run_that_has_ended_stays_as_it_is_when_it_is_aborted(
    airflow: DagRunner, hook: ApifyHook, apify: LocalApify
) -> None:
    run = hook.wait_for_run(hook.start_run(SCENARIO).id).run
    outcome = airflow.run_task(AbortRunOperator(task_id="task", run_id=run.id))

    assert (outcome.state, outcome.xcom()["status"]) == ("success", "SUCCEEDED")
    assert not apify.control.ledger().runs[0].aborted_by_request


def test_the_run_and_its_storages_are_linked_to(airflow: DagRunner, running: str) -> None:
    outcome = airflow.run_task(AbortRunOperator(task_id="task", run_id="{{ params.run }}"), params={"run": running})

    assert outcome.xcom(key="apify_run_link") == f"https://console.apify.com/actors/runs/{running}"
    assert outcome.xcom(key="apify_dataset_link").endswith(outcome.xcom()["dataset_id"])


@pytest.mark.parametrize(
    "operator",
    [AbortRunOperator, ResurrectRunOperator, RebootRunOperator, DeleteRunOperator],
    ids=lambda op: op.__name__,
)
def test_a_run_that_does_not_exist_fails_for_good(airflow: DagRunner, operator: Callable[..., Any]) -> None:
    outcome = airflow.run_task(operator(run_id="nothing", **ONE_RETRY))

    assert isinstance(outcome.error, AirflowFailException)
    assert "ApifyNotFoundError" in str(outcome.error)


FOR_RUNNING: dict[str, Callable[..., Any]] = {
    "abort": partial(AbortRunOperator, wait_for_completion=False),
    "reboot": RebootRunOperator,
    "metamorph": partial(MetamorphRunOperator, target_actor_id=HELLO),
    "message": partial(SetRunStatusMessageOperator, message="Checked"),
}
FOR_FINISHED: dict[str, Callable[..., Any]] = {"resurrect": ResurrectRunOperator, "delete": DeleteRunOperator}


@pytest.mark.parametrize("kind", [*FOR_RUNNING, *FOR_FINISHED])
def test_a_replica_that_does_not_know_the_run_yet_fails_nothing(
    apify: LocalApify, airflow: DagRunner, kind: str, request: pytest.FixtureRequest
) -> None:
    run_id = request.getfixturevalue("running" if kind in FOR_RUNNING else "failed")
    for method in ("GET", "POST", "PUT", "DELETE"):
        apify.control.add_fault("answer", method=method, status=404, error_type="record-not-found")
    outcome = airflow.run_task({**FOR_RUNNING, **FOR_FINISHED}[kind](task_id="task", run_id=run_id))

    assert (outcome.state, outcome.errors) == ("success", {})


# Resurrect


def test_a_resurrected_run_goes_on_with_its_storages_and_new_limits(
    airflow: DagRunner, hook: ApifyHook, failed: str
) -> None:
    resurrect = ResurrectRunOperator(
        task_id="task",
        run_id=failed,
        build="latest",
        memory="{{ params.memory }}",
        run_timeout=700,
        max_items=5,
        max_total_charge_usd=0.5,
        restart_on_error=True,
    )
    outcome = airflow.run_task(resurrect, params={"memory": 512})

    options = hook.get_run(failed).raw["options"]
    assert outcome.xcom()["status"] == "RUNNING"
    assert (options["memoryMbytes"], options["timeoutSecs"]) == (512, 700)
    assert (options["maxItems"], options["maxTotalChargeUsd"]) == (5, 0.5)


def test_a_run_that_goes_on_is_left_as_it_is(airflow: DagRunner, hook: ApifyHook, running: str) -> None:
    outcome = airflow.run_task(ResurrectRunOperator(task_id="task", run_id=running, run_timeout=700))

    run = hook.get_run(running)
    assert (outcome.state, outcome.xcom()["status"]) == ("success", "RUNNING")
    assert (run.history["resurrections"], run.raw["options"]["timeoutSecs"]) == (0, 3600)


def test_a_connection_s_limit_holds_for_a_resurrected_run_too(
    apify: LocalApify, airflow: DagRunner, failed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    extra = '{"limit_max_total_charge_usd": 1}'
    monkeypatch.setenv(
        "AIRFLOW_CONN_LIMITED",
        f'{{"conn_type": "apify", "host": "{apify.base_url}", "password": "{apify.token}", "extra": {extra}}}',
    )
    resurrect = ResurrectRunOperator(run_id=failed, max_total_charge_usd=2, apify_conn_id="limited", **ONE_RETRY)
    outcome = airflow.run_task(resurrect)

    assert isinstance(outcome.error, AirflowFailException)
    assert "allows a run at most 1 US dollars" in str(outcome.error)
    assert requests_of(apify, "resurrect") == 0


def test_a_full_account_leaves_the_run_as_it_is_for_the_retry(
    apify: LocalApify, airflow: DagRunner, hook: ApifyHook, failed: str
) -> None:
    apify.control.add_fault("answer", path="*/resurrect", status=402, error_type="actor-memory-limit-exceeded")
    outcome = airflow.run_task(ResurrectRunOperator(run_id=failed, **ONE_RETRY))

    assert isinstance(outcome.error, ApifyCapacityError)
    assert outcome.state == "success"
    assert hook.get_run(failed).history["resurrections"] == 1


def test_another_actor_takes_over_with_its_own_input(airflow: DagRunner, hook: ApifyHook, running: str) -> None:
    metamorph = MetamorphRunOperator(
        task_id="task",
        run_id=running,
        target_actor_id="{{ params.actor }}",
        run_input={"message": "{{ params.words }}"},
        build="latest",
    )
    outcome = airflow.run_task(metamorph, params={"actor": HELLO, "words": "Taken over"})

    run = hook.wait_for_run(running).run
    assert (outcome.state, run.status) == ("success", "SUCCEEDED")
    assert list(hook.iterate_items(str(run.dataset_id))) == [{"message": "Taken over"}]


def test_an_input_of_another_type_is_sent_as_it_is(apify: LocalApify, airflow: DagRunner, running: str) -> None:
    sent: list[Any] = []
    apify.on_exchange = lambda exchange: sent.append(exchange) if exchange.path.endswith("/metamorph") else None
    airflow.run_task(
        MetamorphRunOperator(
            task_id="task", run_id=running, target_actor_id=SCENARIO, run_input="a,b\n1,2", content_type="text/csv"
        )
    )

    (exchange,) = sent
    assert (exchange.request_body, exchange.request_headers["content-type"]) == (b"a,b\n1,2", "text/csv")


# Status message


def test_a_status_message_is_set(airflow: DagRunner, hook: ApifyHook, running: str) -> None:
    outcome = airflow.run_task(
        SetRunStatusMessageOperator(task_id="task", run_id=running, message="{{ params.words }}", is_terminal=True),
        params={"words": "Checked by Airflow 🦊"},
    )

    run = hook.get_run(running)
    assert outcome.xcom()["status_message"] == run.status_message == "Checked by Airflow 🦊"
    assert run.raw["isStatusMessageTerminal"]


# Arguments


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: ResurrectRunOperator(task_id="task", run_id="r", memory=100), "memory must be one of 128, 256"),
        (lambda: ResurrectRunOperator(task_id="task", run_id="r", max_total_charge_usd=0), "US dollars above 0"),
        (lambda: MetamorphRunOperator(task_id="task", run_id="r", target_actor_id="a b"), "is no Actor ID"),
        (lambda: MetamorphRunOperator(task_id="task", run_id="r", target_actor_id="a", run_input="{"), "holds no JSON"),
        (
            lambda: MetamorphRunOperator(
                task_id="task", run_id="r", target_actor_id="a", run_input={}, content_type="text/csv"
            ),
            "A run_input of type text/csv must be a string or bytes",
        ),
    ],
)
def test_wrong_arguments_are_refused_when_the_dag_is_parsed(make: Callable[[], Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()


def test_templates_are_checked_when_the_task_runs(airflow: DagRunner) -> None:
    outcome = airflow.run_task(ResurrectRunOperator(run_id="r", memory="{{ 100 }}", **ONE_RETRY))

    assert isinstance(outcome.error, AirflowFailException)
    assert "memory must be one of" in str(outcome.error)
