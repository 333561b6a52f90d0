"""Whatever a client sends, the local Apify answers with an error of the client's, and goes on."""

from __future__ import annotations

import base64
import gzip
import json
import socket
import zlib
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import example, given, settings, strategies as st

from local_apify import LocalApify
from local_apify.api.application import ENDPOINTS
from local_apify.api.endpoint import Endpoint
from tests.contract.using_actors import VERSION
from tests.local_apify.client import TOKEN, WAIT, Client

TEN_MEGABYTES = 10_000_000
HALF = "\ud800"
DEEP = "[" * 100_000 + "]" * 100_000
FIELDS = (
    "name", "title", "options", "input", "actId", "versions", "versionNumber", "sourceType", "sourceFiles", "envVars",
    "value", "isSecret", "taggedBuilds", "latest", "buildId", "defaultRunOptions", "memoryMbytes", "cronExpression",
    "timezone", "actions", "type", "actorId", "runInput", "body", "eventTypes", "requestUrl", "condition",
    "url", "uniqueKey", "id", "handledAt", "eventName", "count", "statusMessage", "generalAccess",
    "dataRetentionDays", "encoded", "isStatusMessageTerminal", "startUrls",
)  # fmt: skip
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters())  # halves of surrogate pairs, too
    | st.sampled_from(FIELDS)
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(FIELDS) | st.text(), inner, max_size=4),
    max_leaves=12,
)
names = st.text(max_size=30) | st.sampled_from(
    ["../x", "..", "a/b", "%2f", "\x00", "🦊", "x" * 5_000, "apify~scenario"]
)
header_text = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=30)


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with LocalApify() as apify:
        client = Client(apify)
        with client.session:
            yield client


@pytest.fixture(scope="module")
def things(client: Client) -> dict[str, str]:
    """Return things that exist, by the parameters of paths that name them."""
    actor = client.data("POST", "/v2/actors", json={"name": "mine", "versions": [VERSION]})["id"]
    run = client.start()
    webhook = {
        "eventTypes": ["ACTOR.RUN.CREATED"],
        "requestUrl": "http://127.0.0.1:9/",
        "condition": {"actorId": actor},
    }
    return {
        "actorId": actor,
        "runId": run["id"],
        "actorTaskId": "local~daily-crawl",
        "datasetId": client.data("POST", "/v2/datasets")["id"],
        "storeId": client.data("POST", "/v2/key-value-stores")["id"],
        "queueId": client.data("POST", "/v2/request-queues")["id"],
        "webhookId": client.data("POST", "/v2/webhooks", json=webhook)["id"],
        "scheduleId": client.data("POST", "/v2/schedules", json={"name": "mine"})["id"],
        "versionNumber": "0.1",
        "envVarName": "OPEN",
        "recordKey": "KEY",
        "requestId": "nothing",
    }


CHANGES = [
    endpoint
    for endpoint in ENDPOINTS
    if (endpoint.method in {"POST", "PUT"} and "run-sync" not in endpoint.template)
    or endpoint.template.endswith("/requests/batch")
]


@settings(max_examples=200)
@given(
    endpoint=st.sampled_from(CHANGES), body=values, query=st.dictionaries(st.sampled_from(FIELDS), names, max_size=2)
)
def test_no_body_makes_the_server_fail(
    client: Client, things: dict[str, str], endpoint: Endpoint, body: Any, query: dict[str, str]
) -> None:
    path = "/".join(things.get(part.strip("{}"), part.strip("{}")) for part in endpoint.template.split("/"))
    answer = client.send(endpoint.method, path, json=body, params=query)
    assert answer.status_code < 500, answer.text


@settings(max_examples=150)
@given(endpoint=st.sampled_from(ENDPOINTS), name=names)
def test_no_name_makes_the_server_fail(client: Client, endpoint: Endpoint, name: str) -> None:
    parts = [quote(name, safe="") if part.startswith("{") else part for part in endpoint.template.split("/")]
    answer = client.send(endpoint.method, "/".join(parts), stream=True)
    answer.close()
    assert answer.status_code < 500


@example(method=b"GET", target=b"/v2/%", headers=[], body=b"")
@example(method=b"GET", target=b"/v2/datasets/%ff%fe", headers=[], body=b"")
@example(method=b"PATCH", target=b"/v2/acts", headers=[], body=b"x")
@example(method=b"GET", target=b"*", headers=[], body=b"")
@example(method=b"GET", target=b"http://other/v2/store", headers=[], body=b"")
@example(method=b"POST", target=b"/v2/tools/decode-and-verify", headers=["Content-Encoding: gzip"], body=b"\x1f\x8b")
@given(
    method=st.sampled_from([b"GET", b"POST", b"PUT", b"DELETE", b"HEAD", b"OPTIONS", b"TRACE", b"BREW"])
    | st.binary(max_size=9),
    target=st.binary(max_size=60) | st.binary(max_size=60).map(lambda tail: b"/v2/" + tail),
    headers=st.lists(header_text, max_size=4),
    body=st.binary(max_size=200),
)
def test_no_bytes_make_the_server_fail(
    client: Client, method: bytes, target: bytes, headers: list[str], body: bytes
) -> None:
    head = [method + b" " + target + b" HTTP/1.1", b"Host: local", b"Connection: close"]
    head += [b"Content-Length: %d" % len(body), *(each.encode() for each in headers)]
    status = _status(client, b"\r\n".join(head) + b"\r\n\r\n" + body)
    assert status is None or status < 500
    assert client.send("GET", "/v2/users/me").status_code == 200


def _status(client: Client, message: bytes) -> int | None:
    """Send bytes, and return the status of the answer, ``None`` if there is none."""
    host, _, port = client.apify.base_url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(message)
        connection.shutdown(socket.SHUT_WR)
        answer = connection.recv(64)
    return int(answer.split()[1]) if answer.startswith(b"HTTP/") else None


def test_an_input_of_10_mb_is_refused_and_a_record_of_10_mb_is_kept(client: Client, things: dict[str, str]) -> None:
    body = json.dumps({"a": "x" * TEN_MEGABYTES})
    assert client.error("POST", "/v2/actors/apify~scenario/runs", data=body) == (413, "request-too-large")
    record = f"/v2/key-value-stores/{things['storeId']}/records/LARGE"
    assert client.send("PUT", record, data=body).status_code == 201
    assert client.send("GET", record).text == body


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v2/actors/apify~scenario/runs"),
        ("POST", "/v2/datasets/{datasetId}/items"),
        ("PUT", "/v2/users/me/limits"),
    ],
)
@pytest.mark.parametrize("value", [DEEP, '{"a": ' * 201 + "1" + "}" * 201, "1e400", "9" * 400, "-1e400"], ids=range(5))
def test_what_no_program_can_read_is_refused(
    client: Client, things: dict[str, str], method: str, path: str, value: str
) -> None:
    body = f'{{"maxMonthlyUsageUsd": {value}}}'
    answer = client.send(method, path.format(**things), data=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400, answer.text
    assert client.send("GET", "/v2/users/me/limits").status_code == 200


def test_webhooks_nested_without_end_are_refused(client: Client) -> None:
    webhooks = base64.b64encode(DEEP[:10_000].encode()).decode()
    start = "/v2/actors/apify~scenario/runs"
    assert client.error("POST", start, params={"webhooks": webhooks}) == (400, "invalid-parameter")


def test_half_of_a_surrogate_pair_is_kept_as_what_it_is(client: Client, things: dict[str, str]) -> None:
    path = f"/v2/actor-runs/{client.start({'durationSecs': 60})['id']}"
    run = client.data("PUT", path, json={"statusMessage": HALF, "isStatusMessageTerminal": True})
    assert run["statusMessage"] == client.data("GET", path)["statusMessage"] == HALF
    request = {"url": "http://a", "uniqueKey": HALF}
    queue = f"/v2/request-queues/{things['queueId']}/requests"
    added = client.data("POST", queue, json=request)
    assert client.data("GET", f"{queue}/{added['requestId']}")["uniqueKey"] == HALF
    task = client.data("POST", "/v2/actor-tasks", json={"actId": "apify~scenario", "input": {"exitMessage": HALF}})
    started = client.data("POST", f"/v2/actor-tasks/{task['id']}/runs", params=WAIT)
    saved = client.send("GET", f"/v2/key-value-stores/{started['defaultKeyValueStoreId']}/records/INPUT")
    assert saved.json() == {"exitMessage": HALF}


@pytest.mark.parametrize("date", ["9999-12-31", "0001-01-01T00:00+23:59"])
def test_a_month_at_the_end_of_time_is_refused(client: Client, date: str) -> None:
    assert client.error("GET", "/v2/users/me/usage/monthly", params={"date": date}) == (400, "invalid-parameter")


@pytest.mark.parametrize(
    "options",
    [
        {"memoryMbytes": "lots"},
        {"memoryMbytes": True},
        {"memoryMbytes": 1000},
        {"timeoutSecs": -1},
        {"build": 5},
        {"maxItems": 0},
    ],
    ids=str,
)
def test_options_that_no_start_could_have_cannot_be_saved(client: Client, options: dict[str, Any]) -> None:
    task = {"actId": "apify~scenario", "options": options}
    assert client.send("POST", "/v2/actor-tasks", json=task).status_code == 400
    mine = {"name": "of-options", "versions": [VERSION], "defaultRunOptions": options}
    assert client.send("POST", "/v2/actors", json=mine).status_code == 400
    action = {"type": "RUN_ACTOR", "actorId": "apify~scenario", "runOptions": options}
    assert client.send("POST", "/v2/schedules", json={"name": "of-options", "actions": [action]}).status_code == 400


def test_a_body_of_many_empty_parts_does_not_hold_the_server_up(client: Client) -> None:
    body = gzip.compress(b"") * 100_000 + gzip.compress(b"{}") + b"\0" * 512
    answer = client.send("POST", "/v2/tools/encode-and-sign", data=body, headers={"Content-Encoding": "gzip"})
    assert answer.ok


@pytest.mark.parametrize("coding", ["br", "gzip", "deflate"])
@pytest.mark.parametrize("body", [b"", b"\x1f\x8b", zlib.compress(b"{}")[:-2], gzip.compress(b"{}")[:-2]], ids=len)
def test_a_body_that_is_not_packed_as_it_says_is_refused(client: Client, coding: str, body: bytes) -> None:
    headers = {"Content-Encoding": coding}
    path = "/v2/tools/encode-and-sign"
    assert client.error("POST", path, data=body, headers=headers) == (400, "invalid-input")


@pytest.mark.parametrize("seconds", ["0", "1e12", "1e300", "inf"])
def test_a_lock_has_an_end(client: Client, things: dict[str, str], seconds: str) -> None:
    path = f"/v2/request-queues/{things['queueId']}/head/lock"
    client.send("POST", path.replace("head/lock", "requests"), json={"url": "http://a", "uniqueKey": "lock"})
    assert client.error("POST", path, params={"lockSecs": seconds}) == (400, "invalid-parameter")


@pytest.mark.parametrize("named", [{"id": ["x"]}, {"uniqueKey": {}}, {"id": 1}, {}], ids=str)
def test_requests_to_delete_are_named_by_texts(client: Client, things: dict[str, str], named: dict[str, Any]) -> None:
    path = f"/v2/request-queues/{things['queueId']}/requests/batch"
    assert client.error("DELETE", path, json=[named]) == (400, "invalid-input")


def test_webhooks_in_no_base64_are_refused(client: Client) -> None:
    start = "/v2/actors/apify~scenario/runs?webhooks=%C3%A9"
    assert client.error("POST", start) == (400, "invalid-parameter")


def test_what_was_not_signed_here_is_refused_whatever_it_is(client: Client) -> None:
    for encoded in (f"{HALF}.x", "\xe9.x", "."):
        body = {"encoded": encoded}
        assert client.error("POST", "/v2/tools/decode-and-verify", json=body) == (400, "invalid-value")


def test_a_task_whose_build_cannot_be_does_not_start(client: Client) -> None:
    task = {"actId": "apify~scenario", "options": {"build": HALF}}
    path = f"/v2/actor-tasks/{client.data('POST', '/v2/actor-tasks', json=task)['id']}/runs"
    assert client.error("POST", path) == (400, "unknown-build-tag")


def test_options_that_are_null_leave_those_of_an_actor_as_they_are(client: Client) -> None:
    body = {"name": "of-nulls", "versions": [VERSION], "defaultRunOptions": {"memoryMbytes": 256}}
    path = f"/v2/actors/{client.data('POST', '/v2/actors', json=body)['id']}"
    changed = client.data("PUT", path, json={"defaultRunOptions": {"memoryMbytes": None, "timeoutSecs": 9}})
    assert changed["defaultRunOptions"] == {"build": "latest", "memoryMbytes": 256, "timeoutSecs": 9}
    unknown = {"defaultRunOptions": {"memory": 256}}
    assert client.error("PUT", path, json=unknown) == (400, "invalid-input")


def test_a_schedule_cannot_put_headers_into_answers(client: Client) -> None:
    given = {"body": "{}", "contentType": "application/json\r\nSet-Cookie: a=b"}
    action = {"type": "RUN_ACTOR", "actorId": "apify~scenario", "runInput": given}
    body = {"name": "of-headers", "actions": [action]}
    assert client.error("POST", "/v2/schedules", json=body) == (400, "invalid-input")


@pytest.mark.parametrize("path", [b"/v2/actors/apify~scenario/runs", b"/control/faults"])
def test_a_client_may_leave_in_the_middle_of_its_body(
    client: Client, path: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    head = [b"POST " + path + b" HTTP/1.1", b"Host: local", b"Content-Length: 99"]
    head += [b"Authorization: Bearer " + TOKEN.encode()]
    assert _status(client, b"\r\n".join(head) + b'\r\n\r\n{"a":') is None
    assert client.send("GET", "/v2/users/me").ok
    assert not caplog.records


@pytest.mark.parametrize("zone", ["../../etc/passwd", "/etc/passwd", "Europe", "\ud800", "x\x00"], ids=range(5))
def test_a_wrong_time_zone_is_told_without_paths_of_the_server(client: Client, zone: str) -> None:
    answer = client.send("POST", "/v2/schedules", json={"name": "of-zones", "timezone": zone})
    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == f"There is no time zone {zone}."


@pytest.mark.parametrize("name", ["notes\u017f", "\u212aeys"])
def test_letters_that_only_look_like_those_of_ascii_make_no_name(client: Client, name: str) -> None:
    assert client.send("POST", "/v2/datasets", params={"name": name}).status_code == 400


@pytest.mark.parametrize("number", ["1_0", "\uff11\uff10", "0x10", "ten", "nan"])
def test_what_is_no_number_is_refused(client: Client, number: str) -> None:
    assert client.error("GET", "/v2/datasets", params={"limit": number}) == (400, "invalid-parameter")
