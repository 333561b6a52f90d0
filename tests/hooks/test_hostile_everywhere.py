"""Whatever IDs, names, keys and inputs hold, every method of the hook asks the endpoint it means, or nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import example, given, settings, strategies as st

from airflow_provider_apify._api.runs.endpoints import get_log
from airflow_provider_apify._api.storages.counts import count_items
from airflow_provider_apify._api.storages.endpoints import get_record, get_records
from airflow_provider_apify._api.storages.items import Piece, Pusher
from airflow_provider_apify._files.bodies import BodyReader, RecordCheck
from airflow_provider_apify.exceptions import ApifyError
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.models.webhooks import RUN_ENDS, WebhookSpec
from airflow_provider_apify.options import RetryPolicy, Target
from local_apify import Exchange, LocalApify

RUN, DATASET, STORE = "/v2/actor-runs/{runId}", "/v2/datasets/{datasetId}", "/v2/key-value-stores/{storeId}"
ACTOR, RECORD = "/v2/actors/{actorId}", f"{STORE}/records/{{recordKey}}"
QUEUE, WEBHOOK = "/v2/request-queues/{queueId}", "/v2/webhooks/{webhookId}"
SPEC = WebhookSpec(RUN_ENDS, "http://127.0.0.1:9/")
SINCE = datetime(2026, 1, 1, tzinfo=UTC)
HOSTILE = (
    "../x", "..%2fx", "%2e%2e", "..", ".", "", " ", "a/b", "/a", "a%2fb", "a?b=c", "a#b", "a;b", "a\\b", "a\nb",
    "a\r\nX: y", "\x00", "🦊", "\u202eabc", "e\u0301", "\ud800", "x" * 5_000, "%", "%zz", "a~b", "runs/last", "me",
)  # fmt: skip
names = st.sampled_from(HOSTILE) | st.text().filter(lambda name: "://" not in name)


def reader() -> BodyReader:
    """Return what takes any body."""
    return BodyReader(lambda _piece: None, partial(RecordCheck, None))


def ignore(_text: object) -> None:
    """Take no note."""


CALLS: dict[str, tuple[str, Callable[[ApifyHook, str], Any]]] = {
    "get_dataset": (f"GET {DATASET}", lambda hook, name: hook.get_dataset(name)),
    "iterate_items": (f"GET {DATASET}/items", lambda hook, name: list(hook.iterate_items(name, fields=[name]))),
    "push_items": (f"POST {DATASET}/items", lambda hook, name: hook.push_items(name, [{name: name}])),
    "get_settled_dataset": (f"GET {DATASET}", lambda hook, name: hook.get_settled_dataset(name)),
    "create_dataset": ("POST /v2/datasets", lambda hook, name: hook.create_dataset(name)),
    "start_run": (f"POST {ACTOR}/runs", lambda hook, name: hook.start_run(name, {name: name})),
    "start_run_once": (f"GET {ACTOR}/runs", lambda hook, name: hook.start_run_once(name, name, since=SINCE)),
    "async_start_run_once": (
        f"GET {ACTOR}/runs",
        lambda hook, name: asyncio.run(hook.async_start_run_once(name, name, since=SINCE)),
    ),
    "run_sync": (f"POST {ACTOR}/run-sync", lambda hook, name: hook.run_sync(name, {name: 1}, output_key=name)),
    "run_sync_get_items": (
        f"POST {ACTOR}/run-sync-get-dataset-items",
        lambda hook, name: hook.run_sync_get_items(name, {name: 1}, fields=[name]),
    ),
    "get_last_run": (f"GET {ACTOR}/runs/last", lambda hook, name: hook.get_last_run(name, status=name)),
    "async_get_last_run": (
        f"GET {ACTOR}/runs/last",
        lambda hook, name: asyncio.run(hook.async_get_last_run(Target("actor", name))),
    ),
    "look_for_last_run": (f"GET {ACTOR}/runs/last", lambda hook, name: hook.look_for_last_run(name, status=name)),
    "async_look_for_last_run": (
        f"GET {ACTOR}/runs/last",
        lambda hook, name: asyncio.run(hook.async_look_for_last_run(Target("actor", name))),
    ),
    "look_for_run_of_a_time": (
        f"GET {ACTOR}/runs",
        lambda hook, name: hook.look_for_run_of_a_time(Target("actor", name), status=name),
    ),
    "async_look_for_run_of_a_time": (
        f"GET {ACTOR}/runs",
        lambda hook, name: asyncio.run(hook.async_look_for_run_of_a_time(Target("actor", name))),
    ),
    "iterate_runs": (f"GET {ACTOR}/runs", lambda hook, name: list(hook.iterate_runs(name, status=name))),
    "get_run": (f"GET {RUN}", lambda hook, name: hook.get_run(name)),
    "wait_for_run": (f"GET {RUN}", lambda hook, name: hook.wait_for_run(name)),
    "async_wait_for_run": (f"GET {RUN}", lambda hook, name: asyncio.run(hook.async_wait_for_run(name))),
    "abort_run": (f"POST {RUN}/abort", lambda hook, name: hook.abort_run(name)),
    "async_abort_run": (f"POST {RUN}/abort", lambda hook, name: asyncio.run(hook.async_abort_run(name))),
    "resurrect_run": (f"GET {RUN}", lambda hook, name: hook.resurrect_run(name)),
    "reboot_run": (f"GET {RUN}", lambda hook, name: hook.reboot_run(name)),
    "metamorph_run": (f"GET {RUN}", lambda hook, name: hook.metamorph_run(name, "apify/scenario", {name: 1})),
    "set_run_status_message": (f"PUT {RUN}", lambda hook, name: hook.set_run_status_message(name, name)),
    "delete_run": (f"GET {RUN}", lambda hook, name: hook.delete_run(name)),
    "get_log": (f"GET {RUN}/log", lambda hook, name: hook.get_log(name)),
    "get_log_tail": (f"GET {RUN}/log", lambda hook, name: hook.get_log_tail(name, 3)),
    "follow_log": (f"GET {RUN}", lambda hook, name: hook.follow_log(name, ignore)),
    "create_key_value_store": ("POST /v2/key-value-stores", lambda hook, name: hook.create_key_value_store(name)),
    "get_key_value_store": (f"GET {STORE}", lambda hook, name: hook.get_key_value_store(name)),
    "get_record": (f"GET {RECORD}", lambda hook, name: hook.get_record(name, name)),
    "record_exists": (f"HEAD {RECORD}", lambda hook, name: hook.record_exists(name, name)),
    "set_record": (f"PUT {RECORD}", lambda hook, name: hook.set_record(name, name, name)),
    "delete_record": (f"DELETE {RECORD}", lambda hook, name: hook.delete_record(name, name)),
    "get_record_url": (f"GET {STORE}/keys", lambda hook, name: hook.get_record_url(name, name)),
    "iterate_keys": (f"GET {STORE}/keys", lambda hook, name: list(hook.iterate_keys(name, prefix=name))),
    "name_storage": (f"GET {QUEUE}", lambda hook, name: hook.name_storage("request_queue", name, name)),
    "get_request_queue": (f"GET {QUEUE}", lambda hook, name: hook.get_request_queue(name)),
    "get_request_queue_head": (f"GET {QUEUE}/head", lambda hook, name: hook.get_request_queue_head(name)),
    "add_requests": (f"POST {QUEUE}/requests/batch", lambda hook, name: hook.add_requests(name, [{"url": name}])),
    "ensure_webhook": (f"GET {ACTOR}", lambda hook, name: hook.ensure_webhook(name, SPEC)),
    "get_webhook": (f"GET {WEBHOOK}", lambda hook, name: hook.get_webhook(name)),
    "update_webhook": (f"PUT {WEBHOOK}", lambda hook, name: hook.update_webhook(name, {"description": name})),
    "delete_webhook": (f"DELETE {WEBHOOK}", lambda hook, name: hook.delete_webhook(name)),
    "test_webhook": (f"POST {WEBHOOK}/test", lambda hook, name: hook.test_webhook(name)),
    "iterate_webhooks": (f"GET {ACTOR}/webhooks", lambda hook, name: list(hook.iterate_webhooks(name))),
    "get_webhook_dispatch": (
        "GET /v2/webhook-dispatches/{dispatchId}",
        lambda hook, name: hook.get_webhook_dispatch(name),
    ),
    "iterate_webhook_dispatches": (
        "GET /v2/webhook-dispatches",
        lambda hook, name: list(hook.iterate_webhook_dispatches(webhook_id=name)),
    ),
    "validate_input": (f"GET {ACTOR}", lambda hook, name: hook.validate_input(name, {name: 1})),
    "get_actor": (f"GET {ACTOR}", lambda hook, name: hook.get_actor(name)),
    "get_build": (f"GET {ACTOR}/builds/default", lambda hook, name: hook.get_build(name)),
    "get_input_schema": (f"GET {ACTOR}/builds/default", lambda hook, name: hook.get_input_schema(name)),
    "iterate_builds": (f"GET {ACTOR}/builds", lambda hook, name: list(hook.iterate_builds(name))),
    "get_task": ("GET /v2/actor-tasks/{actorTaskId}", lambda hook, name: hook.get_task(name)),
    "get_task_input": ("GET /v2/actor-tasks/{actorTaskId}/input", lambda hook, name: hook.get_task_input(name)),
    "search_store": ("GET /v2/store", lambda hook, name: list(hook.search_store(name, username=name))),
}
INSIDE: dict[str, tuple[str, Callable[[ApifyHook, str], Any]]] = {
    "push a piece": (
        f"POST {DATASET}/items",
        lambda hook, name: hook._drive(Pusher(name, hook.retry, ignore, settle=0).push(Piece(1, b"[{}]"), 0)),
    ),
    "count items": (f"GET {DATASET}", lambda hook, name: hook._drive(count_items(name, hook.retry))),
    "look at items": (f"GET {DATASET}", lambda hook, name: hook._look_at_items(name, None)),
    "look at a run's items": (f"GET {RUN}", lambda hook, name: asyncio.run(hook._async_look_at_items(None, name))),
    "read a log": (f"GET {RUN}/log", lambda hook, name: hook._read_body(get_log(name), reader())),
    "read a record": (f"GET {RECORD}", lambda hook, name: hook._read_body(get_record(name, name), reader())),
    "read records": (
        f"GET {STORE}/records",
        lambda hook, name: hook._read_body(get_records(name, prefix=name), reader()),
    ),
}
"""What the package itself asks besides."""
TAKES_NO_NAME = {
    "get_connection_form_widgets", "get_ui_field_behaviour", "test_connection", "get_me", "get_limits",
    "async_get_limits", "get_monthly_usage", "get_client", "get_async_client", "receiver_spec",
}  # fmt: skip
ASKED_THROUGH_OTHERS = {
    "web_fetch",  # an address and no name, sent in a body
}  # fmt: skip


def test_no_method_of_the_hook_is_left_out() -> None:
    ours = [base for base in ApifyHook.__mro__ if base.__module__.startswith("airflow_provider_apify.")]
    public = {
        name for base in ours for name, value in vars(base).items() if callable(value) and not name.startswith("_")
    }
    assert public == CALLS.keys() | TAKES_NO_NAME | ASKED_THROUGH_OTHERS


@pytest.fixture(scope="module")
def listened() -> Iterator[tuple[ApifyHook, list[Exchange]]]:
    """Return a hook and what it asks of a local Apify that refuses everything, once it knows what is meant."""
    exchanges: list[Exchange] = []
    with LocalApify(on_exchange=exchanges.append) as apify, pytest.MonkeyPatch.context() as patch:
        apify.control.add_fault("answer", path="/v2/*", times=None, status=400, error_type="invalid-value")
        connection = f"apify://:{apify.token}@{apify.base_url.removeprefix('http://')}/http"
        patch.setenv("AIRFLOW_CONN_HOSTILE", connection)
        yield ApifyHook("hostile", retry=RetryPolicy(attempts=1)), exchanges


@pytest.mark.parametrize("method", CALLS | INSIDE)
@example(name="../x")
@example(name="a/b")
@settings(max_examples=25)
@given(name=names)
def test_a_method_asks_the_endpoint_it_means_of_the_thing_that_was_named_or_nobody(
    listened: tuple[ApifyHook, list[Exchange]], method: str, name: str
) -> None:
    hook, exchanges = listened
    route, ask = (CALLS | INSIDE)[method]
    exchanges.clear()
    try:
        with suppress(ApifyError):
            ask(hook, name)
    except ValueError:
        assert exchanges == []
        return
    (exchange,) = exchanges
    assert f"{exchange.method} {exchange.template}" == route
    assert exchange.status == 400
    assert_names_exactly(exchange, name)


def assert_names_exactly(exchange: Exchange, name: str) -> None:
    """Look at the path as it came over the wire: every segment is one of the route, or the name and nothing else."""
    sent, meant = exchange.raw_path.split("/"), exchange.template.split("/")
    assert len(sent) == len(meant)
    assert exchange.raw_path.isascii()
    assert exchange.raw_path.isprintable()
    for segment, part in zip(sent, meant, strict=True):
        if part in {"{actorId}", "{actorTaskId}"}:
            assert unquote(segment) == name.strip().replace("/", "~")
        elif part.startswith("{"):
            assert unquote(segment) == name
        else:
            assert segment == part
