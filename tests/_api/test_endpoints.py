from __future__ import annotations

import base64
import json
import math
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given, strategies as st

from airflow_provider_apify._api import endpoints
from airflow_provider_apify._api.endpoints import MAX_INPUT_BYTES, Request, encode_body, encode_input
from airflow_provider_apify.options import RunOptions, Target

ACTOR = Target("actor", "apify/hello-world")
TASK = Target("task", "local~daily-crawl")
NOTHING = RunOptions()
NOON = datetime(2026, 11, 8, 13, tzinfo=timezone(timedelta(hours=1)))
HOSTILE = [
    "../users/me",
    "a/b",
    "a%2fb",
    "a?token=x",
    "a#b",
    "a\nb",
    "a\r\nX: y",
    "a b",
    "🦊",
    "..%2f",
    "é",
    "a;b",
    "\x00",
]

REQUESTS = [
    (endpoints.start_run(ACTOR, None, NOTHING), "POST", "/v2/actors/apify~hello-world/runs", {}),
    (endpoints.start_run(TASK, None, NOTHING), "POST", "/v2/actor-tasks/local~daily-crawl/runs", {}),
    (endpoints.get_run("r1"), "GET", "/v2/actor-runs/r1", {}),
    (endpoints.get_run("r1", wait=60), "GET", "/v2/actor-runs/r1", {"waitForFinish": "60"}),
    (endpoints.last_run(ACTOR), "GET", "/v2/actors/apify~hello-world/runs/last", {}),
    (
        endpoints.last_run(TASK, status="SUCCEEDED", origin="SCHEDULER"),
        "GET",
        "/v2/actor-tasks/local~daily-crawl/runs/last",
        {"status": "SUCCEEDED", "origin": "SCHEDULER"},
    ),
    (
        endpoints.list_runs(None, desc=False, status=["FAILED", "ABORTED"], limit=5),
        "GET",
        "/v2/actor-runs",
        {"status": "FAILED,ABORTED", "desc": "false", "offset": "0", "limit": "5"},
    ),
    (
        endpoints.list_runs(ACTOR, started_after=NOON, started_before=NOON, offset=7),
        "GET",
        "/v2/actors/apify~hello-world/runs",
        {
            "startedAfter": "2026-11-08T12:00:00.000Z",
            "startedBefore": "2026-11-08T12:00:00.000Z",
            "desc": "true",
            "offset": "7",
            "limit": "1000",
        },
    ),
    (
        endpoints.list_runs(TASK, started_after=NOON, started_before=NOON),
        "GET",
        "/v2/actor-tasks/local~daily-crawl/runs",
        {"desc": "true", "offset": "0", "limit": "1000"},
    ),
    (endpoints.abort_run("r1"), "POST", "/v2/actor-runs/r1/abort", {}),
    (endpoints.abort_run("r1", gracefully=True), "POST", "/v2/actor-runs/r1/abort", {"gracefully": "true"}),
    (endpoints.resurrect_run("r1", NOTHING), "POST", "/v2/actor-runs/r1/resurrect", {}),
    (
        endpoints.resurrect_run("r1", RunOptions.parse({"build": "latest", "timeout": 0, "restart_on_error": False})),
        "POST",
        "/v2/actor-runs/r1/resurrect",
        {"build": "latest", "timeout": "0", "restartOnError": "false"},
    ),
    (endpoints.reboot_run("r1"), "POST", "/v2/actor-runs/r1/reboot", {}),
    (
        endpoints.metamorph_run("r1", ACTOR, None, build="beta"),
        "POST",
        "/v2/actor-runs/r1/metamorph",
        {"targetActorId": "apify~hello-world", "build": "beta"},
    ),
    (endpoints.delete_run("r1"), "DELETE", "/v2/actor-runs/r1", {}),
    (endpoints.get_log("r1"), "GET", "/v2/actor-runs/r1/log", {"raw": "true"}),
    (endpoints.get_log("r1", stream=True), "GET", "/v2/actor-runs/r1/log", {"raw": "true", "stream": "true"}),
    (endpoints.get_dataset("d1"), "GET", "/v2/datasets/d1", {}),
    (
        endpoints.get_items("d1", {"format": "csv", "offset": 0, "limit": None, "bom": False, "fields": ["a", "b"]}),
        "GET",
        "/v2/datasets/d1/items",
        {"format": "csv", "offset": "0", "bom": "false", "fields": "a,b"},
    ),
    (endpoints.get_me(), "GET", "/v2/users/me", {}),
]


@pytest.mark.parametrize(("request_", "method", "path", "params"), REQUESTS)
def test_each_operation_is_the_request_that_the_api_documents(
    request_: Request, method: str, path: str, params: dict[str, str]
) -> None:
    assert (request_.method, request_.path, request_.params) == (method, path, params)
    assert request_.body is None


@pytest.mark.parametrize(("request_", "path"), [(request_, path) for request_, _, path, _ in REQUESTS])
def test_what_starts_work_must_not_be_sent_twice(request_: Request, path: str) -> None:
    starts_work = request_.method == "POST" and path.endswith(("/runs", "/resurrect", "/reboot", "/metamorph"))
    assert request_.retry_safe != starts_work


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="started_after must have a time zone"):
        endpoints.list_runs(ACTOR, started_after=NOON.replace(tzinfo=None))


def test_the_address_of_a_run_names_it() -> None:
    address = "https://console.apify.com/actors/runs/r1#log"
    assert endpoints.abort_run(address) == endpoints.abort_run("r1")
    assert endpoints.set_status_message(address, "", is_terminal=False) == endpoints.set_status_message(
        "r1", "", is_terminal=False
    )


def test_a_status_message_is_set_with_what_the_api_asks_for() -> None:
    request = endpoints.set_status_message("r1", "Done 🦊", is_terminal=True)
    assert (request.method, request.path, request.retry_safe) == ("PUT", "/v2/actor-runs/r1", True)
    assert json.loads(request.body or b"") == {
        "runId": "r1",
        "statusMessage": "Done 🦊",
        "isStatusMessageTerminal": True,
    }


@pytest.mark.parametrize(
    "options", [{"webhooks": [{"eventTypes": [], "requestUrl": ""}]}, {"force_permission_level": "FULL_PERMISSIONS"}]
)
def test_a_resurrection_takes_no_options_that_only_a_start_has(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="keeps its webhooks and permissions"):
        endpoints.resurrect_run("r1", RunOptions.parse(options))


@pytest.mark.parametrize(
    ("run_input", "content_type", "body"),
    [
        (None, "text/csv", None),
        ("a,b", "text/csv", b"a,b"),
        (b"\xff", "application/octet-stream", b"\xff"),
        ({"a": 1}, "application/json", b'{"a": 1}'),
        ('{"a": 1}', "application/json; charset=utf-8", b'{"a": 1}'),
    ],
)
def test_an_input_of_another_type_than_json_is_sent_as_it_is(
    run_input: Any, content_type: str, body: bytes | None
) -> None:
    assert encode_body(run_input, content_type) == body


@pytest.mark.parametrize(("run_input", "content_type"), [({"a": 1}, "text/csv"), ("{", "application/json")])
def test_an_input_that_is_not_of_its_type_is_refused(run_input: Any, content_type: str) -> None:
    with pytest.raises(ValueError, match="run_input"):
        encode_body(run_input, content_type)


def test_a_long_poll_is_given_its_waiting_time_on_top() -> None:
    assert endpoints.get_run("r1", wait=60).timeout == endpoints.get_run("r1").timeout + 60


def test_a_start_carries_its_options_and_input() -> None:
    webhook = {"eventTypes": ["ACTOR.RUN.SUCCEEDED"], "requestUrl": "https://example.com/hook?secret=1"}
    options = RunOptions.parse(
        {
            "build": "latest",
            "memory": 1024,
            "timeout": 0,
            "max_items": 5,
            "max_total_charge_usd": "2.50",
            "restart_on_error": False,
            "webhooks": [webhook],
            "force_permission_level": "LIMITED_PERMISSIONS",
        }
    )
    request = endpoints.start_run(ACTOR, b"{}", options)
    webhooks = request.params.pop("webhooks")  # type: ignore[attr-defined]
    assert json.loads(base64.b64decode(webhooks)) == [webhook]
    assert request.params == {
        "build": "latest",
        "memory": "1024",
        "timeout": "0",
        "maxItems": "5",
        "maxTotalChargeUsd": "2.50",
        "restartOnError": "false",
        "forcePermissionLevel": "LIMITED_PERMISSIONS",
    }
    assert request.body == b"{}"


def _of_id(name: str) -> list[Request]:
    return [
        endpoints.get_run(name),
        endpoints.abort_run(name),
        endpoints.resurrect_run(name, NOTHING),
        endpoints.reboot_run(name),
        endpoints.metamorph_run(name, ACTOR, None),
        endpoints.set_status_message(name, "", is_terminal=False),
        endpoints.delete_run(name),
        endpoints.get_log(name),
        endpoints.get_dataset(name),
        endpoints.get_items(name, {}),
    ]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_id_stays_inside_its_segment_of_the_path(name: str) -> None:
    for request in _of_id(name):
        _, version, _, quoted, *_ = request.path.split("/")
        assert version == "v2"
        assert unquote(quoted) == name
        assert quoted.isascii()
        assert quoted.isprintable()
        assert not set(quoted) & set(" ?#;\n\r")


@given(st.text(min_size=1).filter(lambda name: name not in {".", ".."}))
def test_any_id_is_one_quoted_segment(name: str) -> None:
    assert endpoints.get_dataset(name).path.count("/") == 3
    assert unquote(endpoints.get_dataset(name).path.rpartition("/")[2]) == name


@pytest.mark.parametrize("name", ["", ".", ".."])
def test_what_would_change_the_path_is_no_id(name: str) -> None:
    with pytest.raises(ValueError, match="is no Apify ID"):
        endpoints.get_run(name)


def test_no_input_is_no_body() -> None:
    assert encode_input(None) is None


@pytest.mark.parametrize(
    ("run_input", "body"),
    [
        ({}, b"{}"),
        ({"a": [1, None, True]}, b'{"a": [1, null, true]}'),
        ('{"a": 1}', b'{"a": 1}'),
        (" null ", b"null"),
        ([], b"[]"),
        (0, b"0"),
        ({"name": "Kč 🦊"}, '{"name": "Kč 🦊"}'.encode()),
        # A lone surrogate, as scraped text has it, is no UTF-8; JSON writes it as an escape.
        ({"half": "\ud83d"}, b'{"half": "\\ud83d"}'),
    ],
)
def test_input_is_sent_as_json_text(run_input: Any, body: bytes) -> None:
    assert encode_input(run_input) == body


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@given(JSON.filter(lambda value: value is not None and not isinstance(value, str)))
def test_any_json_value_arrives_as_it_is(value: Any) -> None:
    assert json.loads(encode_input(value) or b"") == value


@given(JSON)
def test_any_json_text_arrives_with_the_same_meaning(value: Any) -> None:
    assert json.loads(encode_input(json.dumps(value)) or b"") == value


_CIRCLE: dict[str, Any] = {"secret": 1}
_CIRCLE["self"] = _CIRCLE
_DEEP: list[Any] = []
for _ in range(100_000):
    _DEEP = [_DEEP]


@pytest.mark.parametrize(
    ("run_input", "complaint"),
    [
        ({"secret": math.nan}, "NaN or an infinite number, which JSON has not; use null"),
        ({"secret": [-math.inf]}, "NaN or an infinite number"),
        ('{"secret": NaN}', "NaN is no JSON number"),
        ('{"secret": -Infinity}', "-Infinity is no JSON number"),
        ("secret", "holds no JSON: Expecting value at line 1, column 1"),
        ('{"secret": 1,}', r"\.json"),
        ("", "holds no JSON"),
        ({"secret": {1, 2}}, "type set is not JSON serializable"),
        ({("secret",): 1}, "keys must be str"),
        (b'{"secret": 1}', "type bytes is not JSON serializable"),
        (_CIRCLE, "Circular reference"),
        (_DEEP, "recursion"),
        ('{"secret": "' + "x" * MAX_INPUT_BYTES + '"}', r"9,437,198 bytes of JSON; Apify takes at most 9,437,184"),
        ({"secret": "é" * (MAX_INPUT_BYTES // 2)}, r"9 MiB.*key-value store"),
    ],
)
def test_input_that_is_no_json_is_refused_without_being_shown(run_input: Any, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint) as caught:
        encode_input(run_input)
    shown = f"{caught.value}{caught.value!r}{caught.value.args}"
    assert str(caught.value).startswith("run_input ")
    assert "secret" not in shown
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_input_of_exactly_the_limit_is_sent() -> None:
    body = encode_input("x" * 0 + json.dumps("x" * (MAX_INPUT_BYTES - 2)))
    assert body is not None
    assert len(body) == MAX_INPUT_BYTES
