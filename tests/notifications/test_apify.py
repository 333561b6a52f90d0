"""The notifier: a callback starts one run, and what goes wrong with it is nobody else's trouble."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from importlib import import_module
from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_apify.exceptions import ApifyBudgetUsedUp, ApifyServerError
from airflow_provider_apify.notifications import apify as module
from airflow_provider_apify.notifications.apify import ApifyNotifier
from airflow_provider_apify.options import RetryPolicy
from local_apify import Exchange, LocalApify
from tests.dag_runs import AIRFLOW_VERSION, START_DATE, DagRunner, Outcome
from tests.spending import limit, spend, started

_numbers = count(1)
STARTS: dict[str, Any] = {"method": "POST", "path": "/v2/actors/*/runs"}
Play = Callable[..., Outcome]


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        module, "_RETRY", RetryPolicy(attempts=2, first_delay=0.001, max_delay=0.002, patient_attempts=2)
    )


@pytest.fixture
def inputs(apify: LocalApify) -> Iterator[list[Any]]:
    """Collect what runs are started with."""
    sent: list[Any] = []

    def note(exchange: Exchange) -> None:
        if exchange.method == "POST" and exchange.path.endswith("/runs"):
            sent.append(json.loads(exchange.request_body) if exchange.request_body else None)

    apify.on_exchange = note
    yield sent
    apify.on_exchange = None


@pytest.fixture
def play(airflow: DagRunner) -> Play:
    """Return what runs a DAG of one task, which fails unless it is told not to."""

    def run(*, error: Exception | None = OSError("no disk"), **arguments: Any) -> Outcome:  # noqa: B008 - never changed
        def act() -> None:
            if error:
                raise error

        with DAG(f"notifying_{next(_numbers)}", schedule=None, start_date=START_DATE) as dag:
            task(task_id="task", **arguments)(act)()
        return airflow.run(dag)

    return run


def notifier(**arguments: Any) -> ApifyNotifier:
    defaults: dict[str, Any] = {"actor_id": "apify/scenario", "run_timeout": 60}
    return ApifyNotifier(**(defaults | arguments))


def context_of(**changes: Any) -> Any:
    """Return as much of a failed task's context as matters."""
    instance = {"dag_id": "d", "task_id": "t", "run_id": "r", "map_index": -1, "try_number": 1}
    dag_run = SimpleNamespace(dag_id="d", run_id="r", start_date=datetime(2026, 1, 1, tzinfo=UTC))
    return {"ti": SimpleNamespace(**(instance | changes)), "dag_run": dag_run, "dag": None}


def test_a_failed_task_starts_a_run_and_does_not_wait_for_it(apify: LocalApify, inputs: list[Any], play: Play) -> None:
    call = notifier(run_input={"exitMessage": "{{ ti.task_id }} failed", "durationSecs": 600})
    outcome = play(on_failure_callback=call)

    (started,) = apify.control.ledger().runs
    assert outcome.task_state() == "failed"
    assert str(outcome.error) == "no disk"
    assert started.status in {"READY", "RUNNING"}
    assert started.options["timeoutSecs"] == 60
    assert inputs == [{"exitMessage": "task failed", "durationSecs": 600}]


def test_a_retry_and_a_success_have_their_callbacks_too(inputs: list[Any], play: Play) -> None:
    again = notifier(run_input={"exitMessage": "again"})
    play(on_retry_callback=again, retries=1, retry_delay=timedelta(0))
    play(error=None, on_success_callback=[notifier(actor_id=None, actor_task_id="local/daily-crawl")])

    assert inputs == [{"exitMessage": "again"}, None]


@pytest.mark.parametrize(
    "fault",
    [
        {"action": "answer", "status": 503, "times": None, "path": "*"},
        {"action": "answer", "status": 401, "error_type": "invalid-token", "times": None, "path": "*"},
    ],
    ids=["Apify is down", "the token is wrong"],
)
def test_what_goes_wrong_is_logged_and_the_task_ends_as_it_would(
    apify: LocalApify, play: Play, fault: dict[str, Any]
) -> None:
    apify.control.add_fault(**fault)
    outcome = play(error=None, on_success_callback=notifier(run_input={"records": {"PASSWORD": "hush-hush"}}))

    assert outcome.task_state() == "success"
    assert "Failed to send notification" in outcome.log
    assert apify.token not in outcome.log
    assert "hush-hush" not in outcome.log


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ({"monthly_budget_usd": 1}, "the monthly budget of Airflow connection 'apify_default' is used up"),
        ({"limit_abort_above_usd": 2}, "nobody watches this one"),
    ],
)
def test_a_connection_whose_money_is_used_up_or_has_to_be_watched_starts_nothing(
    apify: LocalApify, play: Play, monkeypatch: pytest.MonkeyPatch, extra: dict[str, Any], words: str
) -> None:
    spend(apify, 1)
    limit(apify, monkeypatch, **extra)
    outcome = play(on_failure_callback=notifier())

    assert str(outcome.error) == "no disk"
    assert words in outcome.log
    assert started(apify) == []


async def test_a_budget_that_is_used_up_starts_nothing_on_the_event_loop_either(
    apify: LocalApify, monkeypatch: pytest.MonkeyPatch
) -> None:
    spend(apify, 1)
    limit(apify, monkeypatch, monthly_budget_usd=1)
    with pytest.raises(ApifyBudgetUsedUp):
        await notifier().async_notify(context_of())

    assert started(apify) == []


@pytest.mark.parametrize("action", ["cut-after-commit", "cut-before-commit"])
def test_a_lost_answer_starts_no_second_run(apify: LocalApify, action: str) -> None:
    apify.control.add_fault(action, **STARTS)
    notifier()(context_of())

    assert apify.control.ledger().runs_started == 1


@pytest.mark.parametrize("ending", ["SUCCEEDED", "FAILED"])
def test_a_callback_that_is_called_again_finds_its_run(apify: LocalApify, ending: str) -> None:
    call = notifier(run_input={"endAs": ending})
    for _ in range(2):
        call(context_of())

    assert apify.control.ledger().runs_started == 1


@pytest.mark.parametrize(
    ("second", "changes"),
    [
        ({}, {"try_number": 2}),
        ({}, {"map_index": 3}),
        ({}, {"run_id": "s"}),
        ({"run_input": {"exitMessage": "another"}}, {}),
        ({"run_timeout": 90}, {}),
        ({"actor_id": None, "actor_task_id": "local/daily-crawl"}, {}),
    ],
)
def test_another_occasion_or_another_input_is_another_run(
    apify: LocalApify, second: dict[str, Any], changes: dict[str, Any]
) -> None:
    notifier()(context_of())
    notifier(**second)(context_of(**changes))

    assert apify.control.ledger().runs_started == 2


def test_a_dag_run_that_is_cleared_may_notify_again(apify: LocalApify) -> None:
    first = context_of() | {"reason": "task_failure"}
    second = first | {"dag_run": SimpleNamespace(start_date=datetime(2026, 1, 2, tzinfo=UTC))}
    for context in (first, second, context_of()):
        notifier()(context)

    assert apify.control.ledger().runs_started == 3


@pytest.mark.parametrize("first_call", [{"exception": ValueError("failed here")}, {"reason": "task_failure"}])
def test_where_airflow_calls_it_for_the_first_time_a_message_takes_one_request(
    apify: LocalApify, first_call: dict[str, Any]
) -> None:
    for number in range(5):
        notifier(run_input={"exitMessage": str(number)})(context_of() | first_call)

    assert sum(apify.control.ledger().requests.values()) == 5


def test_a_notifier_can_serve_many_tasks_in_one_process(inputs: list[Any]) -> None:
    shared = notifier(run_input={"exitMessage": "{{ ti.task_id }}"})
    for task_id in ("one", "two"):
        shared(context_of(task_id=task_id))

    assert inputs == [{"exitMessage": "one"}, {"exitMessage": "two"}]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"actor_id": None}, "actor_id"),
        ({"actor_task_id": "me/task"}, "actor_id"),
        ({"memory": 100}, "memory must be one of"),
        ({"run_input": "{"}, "JSON"),
    ],
)
def test_wrong_arguments_show_when_the_dag_is_parsed(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        notifier(**arguments)


def test_what_is_a_template_is_looked_at_later() -> None:
    notifier(actor_id="{{ params.actor }}", memory="{{ params.memory }}", run_input="{{ params.input }}")


if not AIRFLOW_VERSION.startswith(("2.", "3.0.")):  # where notifiers can be awaited

    async def test_a_deadline_starts_a_run_on_the_event_loop(apify: LocalApify, inputs: list[Any]) -> None:
        deadline = {"dag_run": {"dag_id": "d", "dag_run_id": "r"}, "deadline": {"id": "1", "deadline_time": "now"}}
        for _ in range(2):  # a triggerer that dies leaves it to another
            await notifier(run_input={"exitMessage": "{{ dag_run.dag_run_id }} is late"}, context=dict(deadline))

        assert apify.control.ledger().runs_started == 1
        assert inputs == [{"exitMessage": "r is late"}]

    async def test_without_a_context_each_call_starts_a_run(apify: LocalApify) -> None:
        for _ in range(2):
            await notifier()

        assert apify.control.ledger().runs_started == 2

    async def test_a_lost_answer_starts_no_second_run_on_the_event_loop(apify: LocalApify) -> None:
        apify.control.add_fault("cut-after-commit", **STARTS)
        await notifier()

        assert apify.control.ledger().runs_started == 1

    async def test_what_goes_wrong_on_the_event_loop_fails_the_callback(apify: LocalApify) -> None:
        apify.control.add_fault("answer", status=503, times=None, path="*")
        with pytest.raises(ApifyServerError):
            await notifier()


if not AIRFLOW_VERSION.startswith(("2.", "3.0.", "3.1.")):  # where triggerers run callbacks of deadlines like this

    async def test_a_triggerer_calls_it_for_a_deadline(apify: LocalApify) -> None:
        arguments = {"actor_id": "apify/scenario", "run_timeout": 60}
        callback = import_module("airflow.sdk").AsyncCallback(ApifyNotifier, kwargs=arguments)
        triggers = import_module("airflow.triggers.callback")
        trigger = triggers.CallbackTrigger(callback.path, {**callback.kwargs, "context": {"deadline": {"id": "1"}}})
        events = [event.payload["state"] async for event in trigger.run()]

        assert events == ["running", "success"]
        assert apify.control.ledger().runs_started == 1
