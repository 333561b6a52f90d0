"""``@task.apify_actor``: what the function returns is run, once, and what comes of it is the task's value."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import (
    DAG,
    AirflowFailException,
    AirflowSkipException,
    task,
)

from airflow_provider_apify.decorators.apify_actor import ApifyActorDecoratedOperator
from airflow_provider_apify.exceptions import ApifyConnectionError, ApifyRunFailed
from airflow_provider_apify.hooks.apify import ApifyHook
from local_apify import Exchange, LocalApify, scenario_item
from tests.dag_runs import START_DATE, DagRunner, Outcome, die_at_the_end_of_the_first_attempt

_numbers = count(1)
Play = Callable[..., Outcome]
waiting_both_ways = pytest.mark.parametrize("deferrable", [False, True], ids=["on a worker", "in the triggerer"])


@pytest.fixture
def play(airflow: DagRunner) -> Play:
    """Return what runs a DAG of one task with a function."""

    def run(function: Callable[..., Any], *, conf: dict[str, Any] | None = None, **arguments: Any) -> Outcome:
        with DAG(f"decorated_{next(_numbers)}", schedule=None, start_date=START_DATE) as dag:
            defaults: dict[str, Any] = {"task_id": "task", "actor_id": "apify/scenario", "deferrable": False}
            task.apify_actor(**(defaults | arguments))(function)()
        return airflow.run(dag, conf=conf)

    return run


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


def three_items() -> dict[str, Any]:
    return {"items": 3}


@waiting_both_ways
def test_the_function_returns_the_input_and_the_task_the_run(
    apify: LocalApify, play: Play, *, deferrable: bool
) -> None:
    outcome = play(three_items, deferrable=deferrable)

    (started,) = apify.control.ledger().runs
    result = outcome.xcom()
    assert outcome.state == "success"
    assert (result["run_id"], result["status"], result["item_count"]) == (started.run_id, "SUCCEEDED", 3)
    assert outcome.xcom(key="status") == "SUCCEEDED"
    assert outcome.xcom(key="apify_run_link").endswith(started.run_id)


def test_a_function_may_return_nothing_for_the_saved_input(inputs: list[Any], play: Play) -> None:
    assert play(lambda: None, actor_id=None, actor_task_id="local/daily-crawl").state == "success"
    assert inputs == [None]


def test_the_function_sees_the_context_and_its_arguments_are_templated(airflow: DagRunner, inputs: list[Any]) -> None:
    @task.apify_actor(actor_id="{{ params.actor }}", deferrable=False)
    def crawl(word: str, times: int = 2, *, params: Any = None) -> dict[str, Any]:
        return {"logLines": [word] * times, "exitMessage": params["message"]}

    with DAG("with_context", schedule=None, start_date=START_DATE, params={"actor": "", "message": ""}) as dag:
        crawl("{{ dag.dag_id }}")
    outcome = airflow.run(dag, conf={"actor": "apify/scenario", "message": "Done."})

    assert outcome.xcom("crawl")["status_message"] == "Done."
    assert inputs == [{"logLines": ["with_context"] * 2, "exitMessage": "Done."}]


def test_what_looks_like_a_template_in_the_input_is_left_as_it_is(inputs: list[Any], play: Play) -> None:
    assert play(lambda: {"exitMessage": "{{ nothing.to.see }}"}).state == "success"
    assert inputs == [{"exitMessage": "{{ nothing.to.see }}"}]


def test_a_mapped_task_runs_the_actor_for_each_element(airflow: DagRunner, inputs: list[Any]) -> None:
    @task.apify_actor(actor_id="apify/scenario", deferrable=False, return_items=5)
    def some(items: int, first: int) -> dict[str, Any]:
        return {"items": items, "firstItem": first}

    with DAG("mapped", schedule=None, start_date=START_DATE) as dag:
        some.partial(first=7).expand(items=[1, 2])
    outcome = airflow.run(dag)

    assert outcome.state == "success"
    assert [outcome.xcom("some", map_index=index) for index in (0, 1)] == [
        [scenario_item(7)],
        [scenario_item(7), scenario_item(8)],
    ]
    assert sorted(sent["items"] for sent in inputs) == [1, 2]


@waiting_both_ways
@pytest.mark.parametrize("items", [0, 3])
def test_few_items_can_be_the_task_s_value(play: Play, *, deferrable: bool, items: int) -> None:
    outcome = play(lambda: {"items": items}, return_items=3, deferrable=deferrable)

    assert outcome.xcom() == [scenario_item(index) for index in range(items)]


def test_an_annotation_of_the_input_does_not_take_the_value_apart(play: Play) -> None:
    outcome = play(three_items, return_items=3)  # it returns a dict, and the task a list

    assert len(outcome.xcom()) == 3


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        ({"items": 4}, "more than the 3 items that return_items allows"),
        ({"items": 3, "itemBytes": 600_000}, "more than 1,000,000 bytes of items"),
    ],
)
def test_too_much_fails_for_good_and_says_what_to_use(play: Play, plan: dict[str, Any], words: str) -> None:
    outcome = play(lambda: plan, return_items=3, retries=2)

    assert isinstance(outcome.error, AirflowFailException)
    assert words in str(outcome.error)
    assert "DatasetToFileOperator" in str(outcome.error)


def test_a_run_that_fails_fails_the_task(play: Play) -> None:
    outcome = play(lambda: {"endAs": "FAILED", "exitMessage": "No luck."}, return_items=3)

    assert isinstance(outcome.error, ApifyRunFailed)


@waiting_both_ways
def test_a_retry_goes_on_with_the_run_whatever_the_function_returns_then(
    apify: LocalApify, inputs: list[Any], play: Play, *, deferrable: bool
) -> None:
    attempts = count(1)
    outcome = play(
        lambda: {"items": next(attempts)},
        deferrable=deferrable,
        retries=1,
        retry_delay=timedelta(0),
        post_execute=die_at_the_end_of_the_first_attempt,
    )

    (started,) = apify.control.ledger().runs
    assert outcome.state == "success"
    assert outcome.xcom()["run_id"] == started.run_id
    assert inputs == [{"items": 1}]


@pytest.mark.parametrize(
    ("trouble", "retries"),
    [(OSError("no disk"), 1), (AirflowSkipException("Nothing new."), 2)],
    ids=["fails in the last retry", "skips"],
)
def test_a_run_is_not_left_alone_by_a_function_that_gives_up(
    apify: LocalApify, play: Play, monkeypatch: pytest.MonkeyPatch, *, trouble: Exception, retries: int
) -> None:
    calls = iter([None, trouble])

    def plan() -> dict[str, Any]:
        if raised := next(calls):
            raise raised
        return {"durationSecs": 600}

    def lose_it(*_args: Any, **_options: Any) -> None:
        raise ApifyConnectionError("The way to Apify is lost.")

    monkeypatch.setattr(ApifyHook, "wait_for_run", lose_it)
    play(plan, retries=retries, retry_delay=timedelta(0))

    (started,) = apify.control.ledger().runs
    assert started.aborted_by_request


@pytest.mark.parametrize("returned", [["a"], "{}", 1])
def test_anything_but_a_mapping_is_refused_before_it_costs(apify: LocalApify, play: Play, returned: Any) -> None:
    outcome = play(lambda: returned, retries=2)

    assert isinstance(outcome.error, AirflowFailException)
    assert f"a mapping, or None for the saved or default input, not {type(returned).__name__}" in str(outcome.error)
    assert apify.control.ledger().runs_started == 0


def test_a_function_that_raises_fails_the_attempt_as_in_any_task(apify: LocalApify, play: Play) -> None:
    def broken() -> None:
        raise ValueError("no such day")

    outcome = play(broken)

    assert isinstance(outcome.error, ValueError)
    assert apify.control.ledger().runs_started == 0


def test_a_function_may_skip_the_task(apify: LocalApify, play: Play) -> None:
    def nothing_to_do() -> None:
        raise AirflowSkipException("Nothing new.")

    assert play(nothing_to_do).task_state() == "skipped"
    assert apify.control.ledger().runs_started == 0


def test_a_wait_for_capacity_in_the_triggerer_does_not_lose_the_input(
    apify: LocalApify, inputs: list[Any], play: Play
) -> None:
    apify.control.add_fault(
        "answer", path="*/runs", method="POST", times=1, status=402, error_type="actor-memory-limit-exceeded"
    )
    outcome = play(three_items, deferrable=True, wait_for_capacity=timedelta(seconds=20))

    assert outcome.xcom()["item_count"] == 3
    assert inputs[-1] == {"items": 3}


def test_the_input_is_neither_an_xcom_nor_a_rendered_template(play: Play) -> None:
    outcome = play(lambda: {"exitMessage": "Done.", "records": {"PASSWORD": "hush-hush"}})

    assert outcome.state == "success"
    assert "hush-hush" not in outcome.log
    assert "hush-hush" not in json.dumps(outcome.xcom())
    assert "run_input" not in ApifyActorDecoratedOperator.template_fields


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"return_items": 0}, "return_items must be a whole number, at least 1, not 0"),
        ({"return_items": 5, "wait_for_completion": False}, "return_items needs wait_for_completion=True"),
        ({"return_items": 5, "multiple_outputs": True}, "multiple_outputs is for the fields of the run"),
        ({"run_input": {"items": 3}}, "takes no run_input: return the input from the function"),
        ({"actor_task_id": "me/task"}, "actor_id"),
    ],
)
def test_wrong_arguments_show_when_the_dag_is_parsed(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words), DAG("wrong", schedule=None, start_date=START_DATE):
        task.apify_actor(**({"actor_id": "apify/scenario"} | arguments))(three_items)()


def test_a_coroutine_is_refused_when_the_dag_is_parsed() -> None:
    async def plan() -> dict[str, Any]:
        return {}

    with pytest.raises(ValueError, match="an ordinary function"), DAG("wrong", schedule=None, start_date=START_DATE):
        task.apify_actor(actor_id="apify/scenario")(plan)()
