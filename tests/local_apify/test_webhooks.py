"""Webhooks that are really delivered."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import repeat
from threading import Thread
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from local_apify.world.webhooks import MAX_BODY_KEPT
from tests.local_apify.client import SCENARIO, until

if TYPE_CHECKING:
    from local_apify import LocalApify
    from tests.local_apify.client import Client

TERMINAL = ["ACTOR.RUN.SUCCEEDED", "ACTOR.RUN.FAILED", "ACTOR.RUN.ABORTED", "ACTOR.RUN.TIMED_OUT"]


class Received(NamedTuple):
    headers: dict[str, str]
    body: str


class Receiver(ThreadingHTTPServer):
    """Answer with the statuses given, the last one for ever."""

    def __init__(self, *statuses: int) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.statuses = list(statuses)
        self.received: list[Received] = []
        self.answer: Iterable[bytes] = ()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/"


class Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.received.append(Received({name.lower(): value for name, value in self.headers.items()}, body))
        statuses = self.server.statuses
        self.send_response(statuses.pop(0) if len(statuses) > 1 else statuses[0])
        self.end_headers()
        with suppress(ConnectionError):
            for piece in self.server.answer:
                self.wfile.write(piece)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver(200) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def _ad_hoc(receiver: Receiver, **more: Any) -> str:
    webhook = {"eventTypes": TERMINAL, "requestUrl": receiver.url, **more}
    return base64.b64encode(json.dumps([webhook]).encode()).decode()


def _create(client: Client, receiver: Receiver, **more: Any) -> dict[str, Any]:
    condition = {"actorId": client.data("GET", "/v2/actors/apify~scenario")["id"]}
    body = {"eventTypes": TERMINAL, "requestUrl": receiver.url, "condition": condition, **more}
    webhook: dict[str, Any] = client.data("POST", "/v2/webhooks", json=body)
    return webhook


@pytest.mark.parametrize("ending", ["SUCCEEDED", "FAILED", "ABORTED", "TIMED-OUT"])
def test_the_end_of_a_run_is_told_to_the_webhook_it_was_started_with(
    client: Client, receiver: Receiver, ending: str
) -> None:
    run = client.finish({"endAs": ending}, webhooks=_ad_hoc(receiver))
    until(lambda: receiver.received)
    payload = json.loads(receiver.received[0].body)
    assert payload["eventType"] == f"ACTOR.RUN.{ending.replace('-', '_')}"
    assert payload["eventData"]["actorRunId"] == payload["resource"]["id"] == run["id"]
    assert payload["resource"]["status"] == ending
    assert set(payload) == {"userId", "createdAt", "eventType", "eventData", "resource"}


def test_a_webhook_of_one_run_is_silent_about_others(
    client: Client, receiver: Receiver, local_apify: LocalApify
) -> None:
    client.finish({}, webhooks=_ad_hoc(receiver))
    client.finish({})
    until(lambda: local_apify.control.ledger().deliveries)
    assert client.data("GET", "/v2/webhook-dispatches")["total"] == 1


def test_a_persistent_webhook_hears_of_every_run_of_its_actor(client: Client, receiver: Receiver) -> None:
    webhook = _create(client, receiver)
    client.finish()
    client.finish()
    until(lambda: len(receiver.received) == 2)
    client.data("POST", "/v2/actors/apify~hello-world/runs", params={"waitForFinish": 60})
    dispatches = client.data("GET", f"/v2/webhooks/{webhook['id']}/dispatches")
    assert dispatches["total"] == 2
    assert {dispatch["id"] for dispatch in dispatches["items"]} == {
        received.headers["x-apify-webhook-dispatch-id"] for received in receiver.received
    }


def test_templates_make_the_payload_and_the_headers(client: Client, receiver: Receiver) -> None:
    run = client.finish(
        {},
        webhooks=_ad_hoc(
            receiver,
            payloadTemplate='{"run": {{resource.id}}, "what": "It {{resource.status}}", "none": {{nothing}}}',
            headersTemplate='{"X-Secret": "s3cret", "X-Run": {{resource.id}}, "Content-Type": "text/evil"}',
            shouldInterpolateStrings=True,
        ),
    )
    until(lambda: receiver.received)
    headers, body = receiver.received[0]
    assert json.loads(body) == {"run": run["id"], "what": "It SUCCEEDED", "none": None}
    assert (headers["x-secret"], headers["x-run"]) == ("s3cret", run["id"])
    assert headers["content-type"].startswith("application/json")


def test_a_failed_call_is_repeated_with_the_same_dispatch_id(client: Client, receiver: Receiver) -> None:
    receiver.statuses = [500, 302, 200]
    client.finish({}, webhooks=_ad_hoc(receiver))
    until(lambda: client.data("GET", "/v2/webhook-dispatches")["items"][0]["status"] == "SUCCEEDED")
    assert len({received.headers["x-apify-webhook-dispatch-id"] for received in receiver.received}) == 1
    calls = client.data("GET", "/v2/webhook-dispatches")["items"][0]["calls"]
    assert [call["responseStatus"] for call in calls] == [500, 302, 200]


def test_a_call_is_given_up_after_eleven_repetitions(
    client: Client, receiver: Receiver, local_apify: LocalApify
) -> None:
    local_apify.control.settings(webhook_backoff_seconds=0)
    receiver.statuses = [500]
    client.finish({}, webhooks=_ad_hoc(receiver))
    until(lambda: client.data("GET", "/v2/webhook-dispatches")["items"][0]["status"] == "FAILED")
    assert len(local_apify.control.ledger().deliveries) == 12


def test_a_call_is_not_repeated_when_told_so(client: Client, receiver: Receiver) -> None:
    receiver.statuses = [500]
    client.finish({}, webhooks=_ad_hoc(receiver, doNotRetry=True))
    until(lambda: client.data("GET", "/v2/webhook-dispatches")["items"][0]["status"] == "FAILED")
    assert len(receiver.received) == 1


def test_nobody_listening_is_a_failed_call(client: Client, local_apify: LocalApify) -> None:
    gone = Receiver(200)
    gone.server_close()
    client.finish({}, webhooks=_ad_hoc(gone, doNotRetry=True))
    until(lambda: local_apify.control.ledger().deliveries)
    assert local_apify.control.ledger().deliveries[0].status is None
    call = client.data("GET", "/v2/webhook-dispatches")["items"][0]["calls"][0]
    assert "Connect" in call["errorMessage"]


def test_an_idempotency_key_creates_one_webhook(client: Client, receiver: Receiver) -> None:
    first = _create(client, receiver, idempotencyKey="once")
    second = _create(client, receiver, idempotencyKey="once")
    assert first["id"] == second["id"]
    assert client.data("GET", "/v2/webhooks")["total"] == 1


def test_a_webhook_can_be_changed_tested_and_deleted(client: Client, receiver: Receiver) -> None:
    webhook = _create(client, receiver)
    path = f"/v2/webhooks/{webhook['id']}"
    assert client.data("PUT", path, json={"description": "tells"})["description"] == "tells"
    assert client.data("POST", f"{path}/test")["eventType"] == "TEST"
    until(lambda: receiver.received)
    assert client.send("DELETE", path).status_code == 204
    assert client.error("GET", path) == (404, "record-not-found")
    client.finish()
    assert len(receiver.received) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"eventTypes": "ACTOR.RUN.FAILED"},
        {"eventTypes": [{}]},
        {"requestUrl": None},
        {"requestUrl": "mailto:me"},
        {"condition": {}},
        {"condition": []},
        {"doNotRetry": "no"},
    ],
)
def test_a_malformed_webhook_is_refused(client: Client, receiver: Receiver, change: dict[str, Any]) -> None:
    body = {"eventTypes": TERMINAL, "requestUrl": receiver.url, "condition": {"actorRunId": "x"}, **change}
    assert client.error("POST", "/v2/webhooks", json=body) == (400, "invalid-input")


def test_an_account_has_at_most_100_webhooks(client: Client, receiver: Receiver) -> None:
    known = _create(client, receiver, idempotencyKey="known")
    for _ in range(99):
        _create(client, receiver)
    body = {"eventTypes": TERMINAL, "requestUrl": receiver.url, "condition": {"actorRunId": "x"}}
    assert client.error("POST", "/v2/webhooks", json=body) == (403, "too-many-webhooks")
    assert _create(client, receiver, idempotencyKey="known")["id"] == known["id"]


def test_the_start_of_a_run_is_an_event_too(client: Client, receiver: Receiver) -> None:
    webhook = _ad_hoc(receiver, eventTypes=["ACTOR.RUN.CREATED", "ACTOR.RUN.RESURRECTED"])
    run = client.data("POST", SCENARIO, json={}, params={"webhooks": webhook, "waitForFinish": 60})
    until(lambda: len(receiver.received) == 1)
    client.data("POST", f"/v2/actor-runs/{run['id']}/resurrect")
    until(lambda: len(receiver.received) == 2)
    assert [json.loads(each.body)["eventType"] for each in receiver.received] == [
        "ACTOR.RUN.CREATED",
        "ACTOR.RUN.RESURRECTED",
    ]


def test_an_ad_hoc_webhook_tells_of_each_kind_of_event_once(client: Client, receiver: Receiver) -> None:
    kinds = ["ACTOR.RUN.SUCCEEDED", "ACTOR.RUN.RESURRECTED"]
    run = client.finish({}, webhooks=_ad_hoc(receiver, eventTypes=kinds))
    for _ in range(2):
        client.data("POST", f"/v2/actor-runs/{run['id']}/resurrect")
        client.wait(run["id"])
    dispatches = client.data("GET", "/v2/webhook-dispatches")["items"]
    assert [each["eventType"] for each in dispatches] == kinds


def test_ad_hoc_webhooks_are_gone_with_their_run(client: Client, receiver: Receiver) -> None:
    run = client.finish({}, webhooks=_ad_hoc(receiver))
    kept = _create(client, receiver)["id"]
    condition = {"actorRunId": run["id"]}
    ours = _create(client, receiver, isAdHoc=True, condition=condition, idempotencyKey="ours")["id"]
    assert client.send("DELETE", f"/v2/actor-runs/{run['id']}").ok
    assert client.send("GET", f"/v2/webhooks/{ours}").status_code == 404
    assert client.data("GET", f"/v2/webhooks/{kept}")["id"] == kept
    assert _create(client, receiver, idempotencyKey="ours")["id"] != ours


@pytest.mark.parametrize("template", ["[1]", "5", "{", '{"a": ' * 100_000, '{"a": {{resource}}'], ids=range(5))
def test_a_template_that_makes_no_headers_is_refused(client: Client, receiver: Receiver, template: str) -> None:
    condition = {"actorId": client.data("GET", "/v2/actors/apify~scenario")["id"]}
    body = {"eventTypes": TERMINAL, "requestUrl": receiver.url, "condition": condition, "headersTemplate": template}
    assert client.error("POST", "/v2/webhooks", json=body) == (400, "invalid-input")
    webhook = f"/v2/webhooks/{_create(client, receiver, headersTemplate='{}')['id']}"
    assert client.error("PUT", webhook, json={"headersTemplate": template}) == (400, "invalid-input")


@pytest.mark.parametrize(
    ("answer", "length"), [([b"\xff\xfe"], 2), (repeat(b"x" * 300), MAX_BODY_KEPT)], ids=["no text", "endless"]
)
def test_whatever_a_receiver_answers_its_status_counts(
    client: Client, receiver: Receiver, answer: Iterable[bytes], length: int
) -> None:
    client.apify.control.settings(webhook_timeout_seconds=1)
    receiver.answer = answer
    webhook = _create(client, receiver, doNotRetry=True)
    client.finish()
    dispatches = f"/v2/webhooks/{webhook['id']}/dispatches"
    until(lambda: client.data("GET", dispatches)["items"][0]["status"] != "ACTIVE")
    (call,) = client.data("GET", dispatches)["items"][0]["calls"]
    assert (call["responseStatus"], call["errorMessage"]) == (200, None)
    assert len(call["responseBody"]) == length


def test_a_webhook_hears_of_what_its_condition_names_since_it_was_changed(client: Client, receiver: Receiver) -> None:
    webhook = f"/v2/webhooks/{_create(client, receiver, condition={'actorRunId': 'nothing'})['id']}"
    client.finish()
    actor = client.data("GET", "/v2/actors/apify~scenario")["id"]
    client.data("PUT", webhook, json={"condition": {"actorId": actor}})
    client.finish()
    assert client.data("GET", f"{webhook}/dispatches")["total"] == 1


def test_an_idempotency_key_is_free_again_once_its_webhook_is_deleted(client: Client, receiver: Receiver) -> None:
    first = _create(client, receiver, idempotencyKey="once")
    client.send("DELETE", f"/v2/webhooks/{first['id']}")
    assert _create(client, receiver, idempotencyKey="once")["id"] != first["id"]


def test_a_condition_names_things_by_texts(client: Client, receiver: Receiver) -> None:
    body = {"eventTypes": TERMINAL, "requestUrl": receiver.url, "condition": {"actorId": ["x"]}}
    assert client.error("POST", "/v2/webhooks", json=body) == (400, "invalid-input")


@pytest.mark.parametrize(
    "field",
    [
        {"eventTypes": []},
        {"eventTypes": [["ACTOR.RUN.FAILED"]]},
        {"eventTypes": ["ACTOR.RUN.EXPLODED"]},
        {"condition": {}},
        {"condition": {"actorId": 5}},
        {"condition": {"actor": "x"}},
        {"condition": {"actorId": None}},
    ],
)
def test_a_webhook_is_changed_to_nothing_that_none_could_be_made_with(client: Client, field: dict[str, Any]) -> None:
    good = {"eventTypes": ["ACTOR.RUN.FAILED"], "requestUrl": "https://e.com", "condition": {"actorId": "x"}}
    webhook = client.data("POST", "/v2/webhooks", json=good)["id"]
    assert client.error("POST", "/v2/webhooks", json=good | field) == (400, "invalid-input")
    assert client.error("PUT", f"/v2/webhooks/{webhook}", json=field) == (400, "invalid-input")
