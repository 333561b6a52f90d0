"""What becomes of a write whose host redirects it: http to https, a login page, a proxy under maintenance."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from airflow_provider_apify._api.storages.items import Piece, Pusher
from airflow_provider_apify.exceptions import ApifyServerError
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.models.webhooks import RUN_ENDS, WebhookSpec
from airflow_provider_apify.options import RetryPolicy
from tests._api.answering import run_data
from tests._api.plain_server import PlainServer, Reply, plain_server

TOKEN = "apify_api_never_shown"
ELSEWHERE = "https://apify.invalid/v2/login?token=secret"
# What every read is answered with: a finished run, and whatever else is asked for.
FOUND = run_data("SUCCEEDED", items=[], itemCount=0, name=None, title="", username="me")
WRITES: dict[str, Callable[[ApifyHook], Any]] = {
    "start_run": lambda hook: hook.start_run("me/actor", {}),
    "start_run_once": lambda hook: hook.start_run_once("key", "me/actor", since=datetime.now(UTC)),
    "run_sync": lambda hook: hook.run_sync("me/actor"),
    "run_sync_get_items": lambda hook: hook.run_sync_get_items("me/actor"),
    "abort_run": lambda hook: hook.abort_run("run1"),
    "resurrect_run": lambda hook: hook.resurrect_run("run1"),
    "reboot_run": lambda hook: hook.reboot_run("run1"),
    "metamorph_run": lambda hook: hook.metamorph_run("run1", "me/actor"),
    "set_run_status_message": lambda hook: hook.set_run_status_message("run1", "words"),
    "delete_run": lambda hook: hook.delete_run("run1"),
    "validate_input": lambda hook: hook.validate_input("me/actor", {}, build="latest"),
    "push_items": lambda hook: hook.push_items("dataset1", [{"a": 1}]),
    "push a piece": lambda hook: hook._drive(
        Pusher("dataset1", hook.retry, hook.log.info, settle=0).push(Piece(1, b'[{"a": 1}]'), 0)
    ),
    "create_dataset": lambda hook: hook.create_dataset("name"),
    "create_key_value_store": lambda hook: hook.create_key_value_store("name"),
    "name_storage": lambda hook: hook.name_storage("dataset", "dataset1", "kept"),
    "set_record": lambda hook: hook.set_record("store1", "KEY", "value"),
    "delete_record": lambda hook: hook.delete_record("store1", "KEY"),
    "add_requests": lambda hook: hook.add_requests("queue1", [{"url": "https://example.com"}]),
    "ensure_webhook": lambda hook: hook.ensure_webhook("me/actor", WebhookSpec(RUN_ENDS, "https://example.com")),
    "update_webhook": lambda hook: hook.update_webhook("webhook1", {"description": "Tells"}),
    "delete_webhook": lambda hook: hook.delete_webhook("webhook1"),
    "test_webhook": lambda hook: hook.test_webhook("webhook1"),
}


@pytest.fixture(params=[302, 308])
def redirecting(request: pytest.FixtureRequest) -> Iterator[PlainServer]:
    """Serve what reads are answered with, and send everything else to another host."""

    def reply(handler: BaseHTTPRequestHandler) -> Reply:
        # Else what is left of the body is taken for the next request.
        handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        if handler.command == "GET":
            return 200, {}, json.dumps({"data": FOUND}).encode()
        return request.param, {"Location": ELSEWHERE}, b""

    with plain_server(reply) as server:
        yield server


def connect(monkeypatch: pytest.MonkeyPatch, server: PlainServer) -> ApifyHook:
    connection = {"conn_type": "apify", "host": server.base_url, "password": TOKEN}
    extra = {"start_settle_seconds": 0, "web_fetch_url": server.base_url}
    monkeypatch.setenv("AIRFLOW_CONN_REDIRECTED", json.dumps({**connection, "extra": extra}))
    return ApifyHook("redirected", retry=RetryPolicy(attempts=2, first_delay=0.001, max_delay=0.002))


@pytest.mark.parametrize("method", WRITES)
def test_a_redirected_write_is_not_done_and_the_error_says_where_to_write_the_other_host(
    monkeypatch: pytest.MonkeyPatch, redirecting: PlainServer, method: str
) -> None:
    with pytest.raises(ApifyServerError, match=r"write https://apify\.invalid in the connection's host") as caught:
        WRITES[method](connect(monkeypatch, redirecting))
    assert caught.value.retryable
    assert "secret" not in str(caught.value)
    assert TOKEN not in str(caught.value)


def test_a_redirected_fetch_of_a_page_names_its_own_setting(
    monkeypatch: pytest.MonkeyPatch, redirecting: PlainServer
) -> None:
    with pytest.raises(ApifyServerError, match=r"write https://apify\.invalid in web_fetch_url"):
        connect(monkeypatch, redirecting).web_fetch("https://example.com")
    assert len(redirecting.targets) == 1


@pytest.mark.parametrize(("status", "exists"), [(200, True), (404, False)])
def test_a_redirected_look_for_a_record_is_answered_where_it_leads(
    monkeypatch: pytest.MonkeyPatch, status: int, *, exists: bool
) -> None:
    with plain_server(lambda _: (status, {}, b"")) as store:
        there = {"Location": f"{store.base_url}/records/KEY"}
        with plain_server(lambda _: (307, there, b"")) as server:
            assert connect(monkeypatch, server).record_exists("store1", "KEY") is exists
    assert store.targets == ["/records/KEY"]
