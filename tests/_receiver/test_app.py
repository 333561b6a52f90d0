"""The receiver before a real database of Airflow and the local Apify, called as Apify calls it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from threading import Event, Thread
from typing import Any

import pytest
import requests
import uvicorn

from airflow_provider_apify.assets import runs_told
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.models.runs import ActorRun
from local_apify import LocalApify
from tests.dag_runs import AIRFLOW_VERSION
from tools.lab import wait_until

pytestmark = pytest.mark.skipif(AIRFLOW_VERSION.startswith("2."), reason="Airflow 2 has no receiver")

SECRET, BEFORE = "the-secret-of-these-tests", "the-secret-of-the-time-before"
ACTOR = "apify://actor/apify~scenario"
DISPATCH = "X-Apify-Webhook-Dispatch-Id"


@pytest.fixture
def _connected(apify: LocalApify, monkeypatch: pytest.MonkeyPatch) -> None:
    extra = {"webhook_secret": SECRET, "previous_webhook_secret": BEFORE}
    connect(apify, monkeypatch, "apify_default", **extra)


def connect(apify: LocalApify, monkeypatch: pytest.MonkeyPatch, conn_id: str, **extra: Any) -> None:
    connection = {"conn_type": "apify", "host": apify.base_url, "password": apify.token, "extra": extra}
    monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(connection))


@pytest.fixture
def assets(airflow_db: None) -> Iterator[Callable[..., None]]:  # noqa: ARG001 - what they are kept in
    """Return what lets Airflow know assets, by their URIs, for the time of a test."""
    from airflow.models.asset import AssetEvent, AssetModel  # noqa: PLC0415 - Airflow 3
    from airflow.utils.session import create_session  # noqa: PLC0415 - the same
    from sqlalchemy import delete  # noqa: PLC0415 - the same

    def add(*uris: str) -> None:
        with create_session() as session:
            session.add_all(AssetModel(name=uri, uri=uri) for uri in uris)

    yield add
    with create_session() as session:
        for model in (AssetEvent, AssetModel):
            session.execute(delete(model))


@pytest.fixture
def receiver(_connected: None, assets: Callable[..., None]) -> Iterator[str]:  # noqa: ARG001 - what it tells
    """Serve the receiver, and return where."""
    from airflow_provider_apify._receiver.app import app  # noqa: PLC0415 - Airflow 3

    server = uvicorn.Server(uvicorn.Config(app(), port=0, log_level="warning", ws="none"))
    thread = Thread(target=server.run, daemon=True)
    thread.start()
    wait_until(lambda: server.started, "the receiver", timeout=30)
    (listening,) = server.servers[0].sockets
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    thread.join(30)


def finished(**run_input: Any) -> ActorRun:
    hook = ApifyHook()
    return hook.wait_for_run(hook.start_run("apify/scenario", run_input).id).run


def body(run_id: str, event: str = "ACTOR.RUN.SUCCEEDED") -> bytes:
    return json.dumps({"eventType": event, "eventData": {"actorRunId": run_id}}).encode()


def deliver(
    receiver: str, content: Any, secret: str | bytes = SECRET, path: str = "/webhook", **headers: str
) -> requests.Response:
    return requests.post(receiver + path, content, headers={"X-Webhook-Secret": secret, **headers}, timeout=60)


def events() -> list[tuple[str, dict[str, Any]]]:
    """Return the URI and the extra of each event that Airflow has."""
    from airflow.models.asset import AssetEvent, AssetModel  # noqa: PLC0415 - Airflow 3
    from airflow.utils.session import create_session  # noqa: PLC0415 - the same
    from sqlalchemy import select  # noqa: PLC0415 - the same

    with create_session() as session:
        joined = select(AssetModel.uri, AssetEvent.extra).join(AssetModel, AssetModel.id == AssetEvent.asset_id)
        return [tuple(row) for row in session.execute(joined)]


def test_an_asset_that_names_the_actor_is_told_of_the_run(receiver: str, assets: Callable[..., None]) -> None:
    assets(ACTOR, "apify://actor/apify~hello-world", "apify://task/apify~scenario", "file:///elsewhere")
    run = finished(items=2)
    answer = deliver(receiver, body(run.id), **{DISPATCH: "dispatch1"})

    assert (answer.status_code, answer.json()) == (
        200,
        {"run_id": run.id, "assets": [ACTOR], "tasks": 0, "repeated": False},
    )
    assert deliver(receiver, body(run.id)).json()["repeated"]
    ((uri, extra),) = events()
    assert uri == ACTOR
    assert (extra["from_webhook"], extra["dispatch_id"]) == (True, "dispatch1")
    (told,) = runs_told(extra)
    assert (told["run_id"], told["status"], told["dataset_id"]) == (run.id, "SUCCEEDED", run.dataset_id)


def test_ids_and_saved_tasks_are_known_as_well_as_names(
    receiver: str, assets: Callable[..., None], apify: LocalApify
) -> None:
    from airflow_provider_apify.options import Target  # noqa: PLC0415

    task_id = apify.add_task("nightly", "apify/scenario")
    hook = ApifyHook()
    run = hook.wait_for_run(hook.start_run(Target("task", "local/nightly")).id).run
    uris = [f"apify://actor/{run.actor_id}", f"apify://task/{task_id}", "apify://task/local~nightly", ACTOR]
    assets(*uris, "apify://task/local~other")

    assert sorted(deliver(receiver, body(run.id)).json()["assets"]) == sorted(uris)
    assert sorted(uri for uri, _ in events()) == sorted(uris)


def test_what_comes_again_is_told_once_whoever_brings_it(receiver: str, assets: Callable[..., None]) -> None:
    assets(ACTOR)
    runs = [finished(), finished()]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: deliver(receiver, body(runs[number % 2].id)), range(24)))

    assert {answer.status_code for answer in answers} == {200}
    assert sorted(told["run_id"] for _, extra in events() for told in runs_told(extra)) == sorted(r.id for r in runs)


def test_a_run_that_is_resurrected_has_ended_twice(receiver: str, assets: Callable[..., None]) -> None:
    assets(ACTOR)
    run, hook = finished(), ApifyHook()
    deliver(receiver, body(run.id))
    again = hook.wait_for_run(hook.resurrect_run(run.id).id).run
    deliver(receiver, body(run.id))
    deliver(receiver, body(run.id))
    ends = [told["finished_at"] for _, extra in events() for told in runs_told(extra)]
    assert ends == [end.finished_at.isoformat() for end in (run, again) if end.finished_at]


@pytest.mark.parametrize("secret", ["", "wrong", SECRET[:-1], SECRET + " x", SECRET.upper(), "\xe9" * 20])
def test_without_the_secret_nothing_is_taken(
    receiver: str, assets: Callable[..., None], apify: LocalApify, secret: str
) -> None:
    assets(ACTOR)
    run = finished()
    before = apify.control.ledger().requests
    answer = deliver(receiver, body(run.id), secret.encode("latin-1"))
    assert answer.status_code == 401
    assert not events()
    assert apify.control.ledger().requests == before
    assert SECRET not in answer.text


def test_the_secret_of_before_is_taken_while_it_stands_in_the_connection(
    receiver: str, assets: Callable[..., None]
) -> None:
    assets(ACTOR)
    assert deliver(receiver, body(finished().id), BEFORE).status_code == 200


def test_a_connection_without_a_secret_takes_nothing(
    receiver: str, apify: LocalApify, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(apify, monkeypatch, "apify_default")
    assert deliver(receiver, body(finished().id), "").status_code == 401
    assert requests.post(f"{receiver}/webhook", body(finished().id), timeout=60).status_code == 401


def test_a_run_that_is_none_of_the_account_s_is_believed_by_nobody(receiver: str, assets: Callable[..., None]) -> None:
    assets(ACTOR)
    answer = deliver(receiver, body("HG7ML7M8z78YcAPEB"))
    assert answer.status_code == 404
    assert not events()


BROKEN = {
    "empty": b"",
    "torn": body("HG7ML7M8z78YcAPEB")[:-9],
    "a list": b"[]",
    "a string": b'"ACTOR.RUN.SUCCEEDED"',
    "too deep": b"[" * 100_000,
    "no event": b'{"eventData": {"actorRunId": "x"}}',
    "an event that is none": b'{"eventType": 1, "eventData": {"actorRunId": "x"}}',
    "a run that is a path": b'{"eventType": "ACTOR.RUN.SUCCEEDED", "eventData": {"actorRunId": "../users/me"}}',
    "data that is none": b'{"eventType": "ACTOR.RUN.SUCCEEDED", "eventData": [1]}',
    "no text": b"\xff\xfe",
    "half a letter": b'{"eventType": "\\ud800", "eventData": {}}',
    "lines for a log": b'{"eventType": "TEST\\nINFO", "eventData": {}}',
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
def test_a_body_that_is_broken_is_refused(receiver: str, content: bytes) -> None:
    answer = deliver(receiver, content)
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_a_body_without_an_end_is_left(receiver: str) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(64):
            yield b" " * 2**16

    assert deliver(receiver, endless()).status_code == 413


@pytest.mark.parametrize("event", ["ACTOR.RUN.FAILED", "ACTOR.RUN.CREATED", "ACTOR.BUILD.SUCCEEDED", "TEST"])
def test_an_event_that_is_not_how_the_run_ended_is_taken_and_starts_nothing(
    receiver: str, assets: Callable[..., None], event: str
) -> None:
    assets(ACTOR)
    answer = deliver(receiver, body(finished().id, event))
    assert answer.status_code == 200
    assert answer.json()["ignored"]
    assert not events()


def test_a_run_that_goes_on_is_to_be_told_of_later(
    receiver: str, assets: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("airflow_provider_apify._receiver.telling._READ_SECONDS", 0.5)
    assets(ACTOR)
    run = ApifyHook().start_run("apify/scenario", {"durationSecs": 600})
    assert deliver(receiver, body(run.id)).status_code == 503
    assert not events()


def test_where_no_asset_names_the_actor_the_answer_says_which_would(receiver: str) -> None:
    run = finished()
    answer = deliver(receiver, body(run.id))
    assert answer.status_code == 404
    assert f"apify://actor/{run.actor_id}" in answer.json()["error"]


def test_while_apify_is_away_it_is_to_be_told_of_later(
    receiver: str, assets: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    away = {
        "conn_type": "apify",
        "host": "http://127.0.0.1:9",
        "password": "token",
        "extra": {"webhook_secret": SECRET},
    }
    monkeypatch.setenv("AIRFLOW_CONN_APIFY_DEFAULT", json.dumps(away))
    assets(ACTOR)
    answer = deliver(receiver, body("HG7ML7M8z78YcAPEB"))
    assert answer.status_code == 503
    assert not events()


def test_all_assets_of_a_run_are_told_or_none(
    receiver: str, assets: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.assets.manager import asset_manager  # noqa: PLC0415 - Airflow 3

    run = finished()
    uris = [ACTOR, f"apify://actor/{run.actor_id}"]
    assets(*uris)
    register, calls = asset_manager.register_asset_change, count(1)

    def fails_once(**arguments: Any) -> Any:
        if next(calls) == 2:
            raise ConnectionError("the database is away")
        return register(**arguments)

    monkeypatch.setattr(asset_manager, "register_asset_change", fails_once)
    assert deliver(receiver, body(run.id)).status_code == 500
    assert not events()
    assert deliver(receiver, body(run.id)).status_code == 200
    assert sorted(uri for uri, _ in events()) == sorted(uris)


def test_a_database_that_hangs_holds_four_threads_at_most(receiver: str, monkeypatch: pytest.MonkeyPatch) -> None:
    goes_on, hanging = Event(), count(1)
    entered: list[int] = []

    def hang(_start: str) -> list[str]:
        entered.append(next(hanging))
        goes_on.wait(60)
        return []

    monkeypatch.setattr("airflow_provider_apify._receiver.app._ANSWER_SECONDS", 0.5)
    monkeypatch.setattr("airflow_provider_apify._receiver.telling.database.asset_uris", hang)
    content = body(finished().id)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: deliver(receiver, content), range(24)))
    assert {answer.status_code for answer in answers} == {503}
    assert len(entered) == 4
    goes_on.set()


def test_another_connection_receives_only_where_the_configuration_names_it(
    receiver: str, assets: Callable[..., None], apify: LocalApify, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(apify, monkeypatch, "apify_other", webhook_secret=SECRET)
    assets(ACTOR)
    run = finished()
    assert deliver(receiver, body(run.id), path="/webhook/apify_other").status_code == 404
    monkeypatch.setenv("AIRFLOW__APIFY__WEBHOOK_CONN_IDS", "apify_default, apify_other")
    assert deliver(receiver, body(run.id), path="/webhook/apify_other").status_code == 200
    assert deliver(receiver, body(run.id), path="/webhook/no_such").status_code == 404
    assert len(events()) == 1


def test_a_connection_that_cannot_be_used_is_told_in_the_log_only(
    receiver: str, apify: LocalApify, monkeypatch: pytest.MonkeyPatch, logged: Callable[[], str]
) -> None:
    connect(apify, monkeypatch, "apify_default", webhook_secret="too short")
    answer = deliver(receiver, body("HG7ML7M8z78YcAPEB"), "too short")
    assert answer.status_code == 503
    assert "token_urlsafe" not in answer.text
    said = logged()
    assert "webhook_secret must be 16 or more" in said
    assert "too short" not in said


def test_only_posts_are_answered(receiver: str) -> None:
    assert requests.get(f"{receiver}/webhook", timeout=60).status_code == 405
    assert deliver(receiver, b"", path="/other").status_code == 404
