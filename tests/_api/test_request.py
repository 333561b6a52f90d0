from __future__ import annotations

import base64
import json
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given, strategies as st

from airflow_provider_apify._api import account
from airflow_provider_apify._api.request import Request
from airflow_provider_apify._api.runs import endpoints as run_endpoints
from airflow_provider_apify._api.storages import endpoints as storage_endpoints
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
    (run_endpoints.start_run(ACTOR, None, NOTHING), "POST", "/v2/actors/apify~hello-world/runs", {}),
    (run_endpoints.start_run(TASK, None, NOTHING), "POST", "/v2/actor-tasks/local~daily-crawl/runs", {}),
    (run_endpoints.get_run("r1"), "GET", "/v2/actor-runs/r1", {}),
    (run_endpoints.get_run("r1", wait=60), "GET", "/v2/actor-runs/r1", {"waitForFinish": "60"}),
    (run_endpoints.last_run(ACTOR), "GET", "/v2/actors/apify~hello-world/runs/last", {}),
    (
        run_endpoints.last_run(TASK, status="SUCCEEDED", origin="SCHEDULER"),
        "GET",
        "/v2/actor-tasks/local~daily-crawl/runs/last",
        {"status": "SUCCEEDED", "origin": "SCHEDULER"},
    ),
    (
        run_endpoints.list_runs(None, desc=False, status=["FAILED", "ABORTED"], limit=5),
        "GET",
        "/v2/actor-runs",
        {"status": "FAILED,ABORTED", "desc": "false", "offset": "0", "limit": "5"},
    ),
    (
        run_endpoints.list_runs(ACTOR, started_after=NOON, started_before=NOON, offset=7),
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
        run_endpoints.list_runs(TASK, started_after=NOON, started_before=NOON),
        "GET",
        "/v2/actor-tasks/local~daily-crawl/runs",
        {"desc": "true", "offset": "0", "limit": "1000"},
    ),
    (run_endpoints.abort_run("r1"), "POST", "/v2/actor-runs/r1/abort", {}),
    (run_endpoints.abort_run("r1", gracefully=True), "POST", "/v2/actor-runs/r1/abort", {"gracefully": "true"}),
    (run_endpoints.resurrect_run("r1", NOTHING), "POST", "/v2/actor-runs/r1/resurrect", {}),
    (
        run_endpoints.resurrect_run(
            "r1", RunOptions.parse({"build": "latest", "run_timeout": 0, "restart_on_error": False})
        ),
        "POST",
        "/v2/actor-runs/r1/resurrect",
        {"build": "latest", "timeout": "0", "restartOnError": "false"},
    ),
    (run_endpoints.reboot_run("r1"), "POST", "/v2/actor-runs/r1/reboot", {}),
    (
        run_endpoints.metamorph_run("r1", ACTOR, None, build="beta"),
        "POST",
        "/v2/actor-runs/r1/metamorph",
        {"targetActorId": "apify~hello-world", "build": "beta"},
    ),
    (run_endpoints.delete_run("r1"), "DELETE", "/v2/actor-runs/r1", {}),
    (run_endpoints.get_log("r1"), "GET", "/v2/actor-runs/r1/log", {"raw": "true"}),
    (run_endpoints.get_log("r1", stream=True), "GET", "/v2/actor-runs/r1/log", {"raw": "true", "stream": "true"}),
    (storage_endpoints.get_dataset("d1"), "GET", "/v2/datasets/d1", {}),
    (
        storage_endpoints.get_items(
            "d1", {"format": "csv", "offset": 0, "limit": None, "bom": False, "fields": ["a", "b"]}
        ),
        "GET",
        "/v2/datasets/d1/items",
        {"format": "csv", "offset": "0", "bom": "false", "fields": "a,b"},
    ),
    (account.get_me(), "GET", "/v2/users/me", {}),
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
        run_endpoints.list_runs(ACTOR, started_after=NOON.replace(tzinfo=None))


def test_the_address_of_a_run_names_it() -> None:
    address = "https://console.apify.com/actors/runs/r1#log"
    assert run_endpoints.abort_run(address) == run_endpoints.abort_run("r1")
    assert run_endpoints.set_status_message(address, "", is_terminal=False) == run_endpoints.set_status_message(
        "r1", "", is_terminal=False
    )


def test_a_status_message_is_set_with_what_the_api_asks_for() -> None:
    request = run_endpoints.set_status_message("r1", "Done 🦊", is_terminal=True)
    assert (request.method, request.path, request.retry_safe) == ("PUT", "/v2/actor-runs/r1", True)
    assert json.loads(request.body or b"") == {
        "runId": "r1",
        "statusMessage": "Done 🦊",
        "isStatusMessageTerminal": True,
    }


@pytest.mark.parametrize(
    "options",
    [
        {"webhooks": [{"eventTypes": ["ACTOR.RUN.FAILED"], "requestUrl": ""}]},
        {"force_permission_level": "FULL_PERMISSIONS"},
    ],
)
def test_a_resurrection_takes_no_options_that_only_a_start_has(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"A resurrection does not take (webhooks|force_permission_level)"):
        run_endpoints.resurrect_run("r1", RunOptions.parse(options))


def test_a_long_poll_is_given_its_waiting_time_on_top() -> None:
    assert run_endpoints.get_run("r1", wait=60).timeout == run_endpoints.get_run("r1").timeout + 60


def test_a_start_carries_its_options_and_input() -> None:
    webhook = {"eventTypes": ["ACTOR.RUN.SUCCEEDED"], "requestUrl": "https://example.com/hook?secret=1"}
    options = RunOptions.parse(
        {
            "build": "latest",
            "memory": 1024,
            "run_timeout": 0,
            "max_items": 5,
            "max_total_charge_usd": "2.50",
            "restart_on_error": False,
            "webhooks": [webhook],
            "force_permission_level": "LIMITED_PERMISSIONS",
        }
    )
    request = run_endpoints.start_run(ACTOR, b"{}", options)
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
        run_endpoints.get_run(name),
        run_endpoints.abort_run(name),
        run_endpoints.resurrect_run(name, NOTHING),
        run_endpoints.reboot_run(name),
        run_endpoints.metamorph_run(name, ACTOR, None),
        run_endpoints.set_status_message(name, "", is_terminal=False),
        run_endpoints.delete_run(name),
        run_endpoints.get_log(name),
        storage_endpoints.get_dataset(name),
        storage_endpoints.get_items(name, {}),
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


@given(st.text(min_size=1).filter(lambda name: name not in {".", ".."} and "://" not in name))
def test_any_id_is_one_quoted_segment(name: str) -> None:
    assert storage_endpoints.get_dataset(name).path.count("/") == 3
    assert unquote(storage_endpoints.get_dataset(name).path.rpartition("/")[2]) == name


@pytest.mark.parametrize("name", ["", ".", ".."])
def test_what_would_change_the_path_is_no_id(name: str) -> None:
    with pytest.raises(ValueError, match="is no Apify ID"):
        run_endpoints.get_run(name)


@pytest.mark.parametrize(("amount", "written"), [("1E-8", "0.00000001"), ("1E+1", "10"), ("2.50", "2.50")])
def test_an_amount_is_written_without_an_exponent(amount: str, written: str) -> None:
    options = RunOptions(max_total_charge_usd=Decimal(amount))
    assert run_endpoints.start_run(ACTOR, None, options).params["maxTotalChargeUsd"] == written
