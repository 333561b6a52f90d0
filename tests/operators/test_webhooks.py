from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.operators.webhooks import DeleteWebhookOperator, EnsureWebhookOperator
from local_apify import LocalApify
from tests.dag_runs import DagRunner

SCENARIO = "apify/scenario"
URL = "https://example.com/{{ params.path }}"


def ensure(**arguments: Any) -> EnsureWebhookOperator:
    return EnsureWebhookOperator(**{"task_id": "task", "actor_id": SCENARIO, "request_url": URL, **arguments})


def test_a_webhook_is_there_once_however_often_the_task_runs(airflow: DagRunner) -> None:
    outcomes = [airflow.run_task(ensure(), params={"path": "hook"}) for _ in range(2)]

    (webhook,) = ApifyHook().iterate_webhooks(SCENARIO)
    assert [outcome.xcom()["webhook_id"] for outcome in outcomes] == [webhook.id] * 2
    assert webhook.request_url == "https://example.com/hook"
    assert len(webhook.event_types) == 4


def test_apify_s_variables_arrive_as_they_were_written(airflow: DagRunner) -> None:
    template = '{"run_id": {{resource.id}}}'
    headers = {"X-Secret": "{{ params.path }}"}
    outcome = airflow.run_task(ensure(payload_template=template, headers=headers), params={"path": "s3cret"})

    webhook = ApifyHook().get_webhook(outcome.xcom()["webhook_id"])
    assert webhook.raw["payloadTemplate"] == template
    assert webhook.raw["headersTemplate"] == '{"X-Secret": "s3cret"}'
    assert "s3cret" not in str(outcome.xcom())


def test_a_webhook_of_a_saved_task_names_its_id(airflow: DagRunner, apify: LocalApify) -> None:
    task_id = apify.add_task("three", SCENARIO)
    task = ensure(actor_id=None, actor_task_id="local/{{ params.path }}", event_types=["ACTOR.RUN.FAILED"])
    outcome = airflow.run_task(task, params={"path": "three"})
    assert outcome.xcom()["condition"] == {"actorTaskId": task_id}


def test_an_actor_that_does_not_exist_fails_for_good(airflow: DagRunner) -> None:
    task = ensure(actor_id="me/nothing", request_url="https://example.com/", retries=1, retry_delay=timedelta(0))
    assert isinstance(airflow.run_task(task).error, AirflowFailException)


def test_another_secret_is_another_webhook_and_the_old_one_is_found_by_its_url(airflow: DagRunner) -> None:
    url = "https://example.com/hook"
    old, new = (
        airflow.run_task(ensure(request_url=url, headers={"X-Secret": secret})).xcom()["webhook_id"]
        for secret in ("old", "new")
    )
    hook = ApifyHook()
    for webhook in hook.iterate_webhooks(SCENARIO):
        if webhook.request_url == url and webhook.id != new:
            hook.delete_webhook(webhook.id)
    assert old != new
    assert [webhook.id for webhook in hook.iterate_webhooks(SCENARIO)] == [new]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"actor_id": None}, "exactly one of actor_id"),
        ({"actor_task_id": "{{ params.task }}"}, "exactly one of actor_id"),
        ({"actor_id": "a b"}, "is no Actor ID"),
        ({"request_url": "mailto:me"}, "http or https URL"),
        ({"event_types": ["RUN.ENDED"]}, "event_types must be"),
        ({"payload_template": '{"a": {{resource}'}, "payload_template is no JSON"),
        ({"headers": "X-Secret: y"}, "headers must be a dictionary"),
    ],
)
def test_a_mistake_shows_when_the_dag_is_parsed(arguments: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        ensure(**arguments)


def test_a_webhook_is_deleted_and_deleting_it_again_is_a_success(airflow: DagRunner) -> None:
    webhook_id = airflow.run_task(ensure(request_url="https://example.com/")).xcom()["webhook_id"]
    outcomes = [airflow.run_task(DeleteWebhookOperator(task_id="task", webhook_id=webhook_id)) for _ in range(2)]

    assert [outcome.xcom() for outcome in outcomes] == [True, False]
    assert list(ApifyHook().iterate_webhooks()) == []


SECRETS = {"webhook_secret": "a-secret-of-sixteen-or-more"}


@pytest.fixture
def with_a_secret(apify: LocalApify, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return what gives the connection a secret for Airflow's receiver."""

    def connect(conn_id: str = "apify_default", **extra: str) -> None:
        connection = {"conn_type": "apify", "host": apify.base_url, "password": apify.token, "extra": extra or SECRETS}
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(connection))

    connect()
    return connect


def to_airflow(**arguments: Any) -> EnsureWebhookOperator:
    return ensure(**{"request_url": None, "receiver": "https://airflow.example.com/", **arguments})


@pytest.mark.usefixtures("with_a_secret")
def test_airflow_s_receiver_is_told_of_successes_with_the_secret(
    airflow: DagRunner,
) -> None:
    outcome = airflow.run_task(to_airflow(headers={"X-Proxy": "yes"}))
    webhook = ApifyHook().get_webhook(outcome.xcom()["webhook_id"])
    assert webhook.request_url == "https://airflow.example.com/apify/webhook"
    assert webhook.event_types == ("ACTOR.RUN.SUCCEEDED",)
    headers = json.loads(webhook.raw["headersTemplate"])
    assert headers == {"X-Proxy": "yes", "X-Webhook-Secret": SECRETS["webhook_secret"]}
    assert SECRETS["webhook_secret"] not in outcome.log + str(outcome.xcom())


def test_a_new_secret_and_other_events_change_the_webhook_to_the_receiver(
    airflow: DagRunner, with_a_secret: Callable[..., None]
) -> None:
    first = airflow.run_task(to_airflow()).xcom()["webhook_id"]
    with_a_secret(webhook_secret="another-secret-that-is-new", previous_webhook_secret=SECRETS["webhook_secret"])
    second = airflow.run_task(to_airflow(event_types=["ACTOR.RUN.FAILED"])).xcom()["webhook_id"]
    assert first == second
    assert len(list(ApifyHook().iterate_webhooks(SCENARIO))) == 1
    webhook = ApifyHook().get_webhook(first)
    assert "another-secret-that-is-new" in webhook.raw["headersTemplate"]
    assert webhook.event_types == ("ACTOR.RUN.FAILED",)


def test_another_connection_has_a_receiver_of_its_own(airflow: DagRunner, with_a_secret: Callable[..., None]) -> None:
    with_a_secret("apify_other")
    outcome = airflow.run_task(to_airflow(apify_conn_id="apify_other"))
    webhook = ApifyHook().get_webhook(outcome.xcom()["webhook_id"])
    assert webhook.request_url == "https://airflow.example.com/apify/webhook/apify_other"


def test_without_a_secret_there_is_no_webhook_to_the_receiver(airflow: DagRunner) -> None:
    outcome = airflow.run_task(to_airflow())
    assert "has no webhook_secret" in str(outcome.error)
    assert not list(ApifyHook().iterate_webhooks(SCENARIO))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"request_url": "https://example.com"}, "exactly one of receiver"),
        ({"receiver": None}, "exactly one of receiver"),
        ({"payload_template": '{"a": 1}'}, "payload_template goes with request_url"),
        ({"event_types": ["ACTOR.RUN.CREATED"]}, "takes the ends of runs"),
        ({"receiver": "airflow.example.com"}, "https://airflow.example.com"),
        ({"receiver": "https://me:password@airflow.example.com"}, "https://airflow.example.com"),
        ({"receiver": "https://airflow.example.com/#/home"}, "https://airflow.example.com"),
    ],
    ids=["both", "neither", "a payload", "another event", "no address", "a login", "a fragment"],
)
def test_a_receiver_that_cannot_be_is_refused_when_the_dag_is_parsed(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        to_airflow(**arguments)
