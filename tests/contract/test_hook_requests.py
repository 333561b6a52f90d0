"""Every request of the hook is one that Apify's OpenAPI document describes."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import partial
from typing import Any, get_args

import pytest

from airflow_provider_apify._api.runs.changing import Changer
from airflow_provider_apify._api.runs.endpoints import get_log
from airflow_provider_apify._api.runs.finding import Finder
from airflow_provider_apify._api.runs.identity import Identity
from airflow_provider_apify._api.runs.starting import Starter
from airflow_provider_apify._api.storages.counts import count_items
from airflow_provider_apify._api.storages.endpoints import get_record, get_records
from airflow_provider_apify._api.storages.items import Piece, Pusher
from airflow_provider_apify._files.bodies import BodyReader, RecordCheck
from airflow_provider_apify._files.dataset.source import Source
from airflow_provider_apify._files.formats.registry import FORMATS
from airflow_provider_apify._files.query import ItemsQuery
from airflow_provider_apify.exceptions import ApifyNotFoundError
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.models.storages import StorageKind
from airflow_provider_apify.models.webhooks import RUN_ENDS, WebhookSpec
from airflow_provider_apify.options import RunOptions, Target
from local_apify import Exchange, LocalApify
from tests.contract.openapi import check_request
from tests.contract.test_api_coverage import api_rows
from tests.local_apify.client import until

SCENARIO = Target("actor", "apify/scenario")
SENT: set[str] = set()
"""The calls that the tests below have made so far."""
SHARED_OPTIONS = {
    "build": "latest",
    "memory": 256,
    "run_timeout": 60,
    "max_items": 100,
    "max_total_charge_usd": "0.5",
    "restart_on_error": False,
    "webhooks": [{"eventTypes": ["ACTOR.RUN.SUCCEEDED"], "requestUrl": "http://127.0.0.1:9/"}],
}


@pytest.fixture
def exchanges(apify: LocalApify) -> Iterator[list[Exchange]]:
    """Record what is asked, and check it at the end of the test."""
    recorded: list[Exchange] = []
    apify.on_exchange = recorded.append
    yield recorded
    assert recorded
    SENT.update(f"{each.method} {each.template}" for each in recorded)
    for each in recorded:
        check_request(each.method, each.path, each.query, each.request_headers, each.request_body or None)


@pytest.fixture
def hook(exchanges: list[Exchange]) -> ApifyHook:  # noqa: ARG001 - what the hook asks is recorded
    return ApifyHook()


@pytest.mark.parametrize("level", ["LIMITED_PERMISSIONS", "FULL_PERMISSIONS"])
def test_a_start_with_every_option(hook: ApifyHook, exchanges: list[Exchange], level: str) -> None:
    options = RunOptions.parse({**SHARED_OPTIONS, "force_permission_level": level})
    run = hook.start_run(SCENARIO, {"items": 1}, options=options)
    hook.abort_run(run.id)
    (start, _) = exchanges
    assert {*SHARED_OPTIONS, "force_permission_level"} == {*RunOptions.names()}
    assert len(start.query.split("&")) == len(RunOptions.names())
    assert json.loads(start.request_body) == {"items": 1}


def test_a_start_that_is_looked_for_and_a_run_that_is_resurrected(hook: ApifyHook, apify: LocalApify) -> None:
    apify.control.add_fault("cut-after-commit", method="POST", path="/v2/actors/*/runs")
    start = hook._start_request(SCENARIO, {"endAs": "FAILED"}, RunOptions())
    identity = Identity("0123456789abcdef0123", rerun=0, attempt=1)
    finder = Finder(SCENARIO, identity, hook.retry)
    run = hook._drive(Starter(start, finder, hook.retry, hook.log.info).start())
    ended = hook.wait_for_run(run.id).run
    assert hook._drive(Changer(hook.retry, hook.log.info).revive(ended, RunOptions(), seen_at=time.time())).id == run.id


def test_a_start_under_a_key(hook: ApifyHook) -> None:
    since = datetime.now(UTC)
    run = hook.start_run_once("a key", SCENARIO, {"items": 1}, since=since, options=RunOptions(run_timeout=60))
    assert hook.start_run_once("a key", SCENARIO, since=since).id == run.id


@pytest.mark.parametrize("run_input", [None, {}, '{"maxCrawlPages": 1}'])
def test_a_start_of_a_saved_task(hook: ApifyHook, run_input: Any) -> None:
    run = hook.start_run(Target("task", "local/daily-crawl"), run_input, options=RunOptions.parse(SHARED_OPTIONS))
    hook.abort_run(run.id, gracefully=True)


def test_all_reading_and_waiting(hook: ApifyHook) -> None:
    run = hook.start_run(SCENARIO, {"items": 3})
    hook.wait_for_run(run.id, settle=0.01)
    hook.wait_for_run(run.id, poll_interval=1)
    hook.get_run(run.id)
    hook.get_last_run(SCENARIO, status="SUCCEEDED", origin="API")
    with pytest.raises(ApifyNotFoundError):
        hook.get_last_run(Target("task", "local/daily-crawl"))
    hook.get_log_tail(run.id, 5)
    hook.follow_log(run.id, print)
    for target in (SCENARIO, Target("task", "local/daily-crawl"), None):
        moments = {"started_after": run.started_at, "started_before": run.finished_at}
        assert not list(hook.iterate_runs(target, status=("FAILED", "ABORTED"), desc=True, limit=5, **moments))
    hook.get_dataset(run.dataset_id or "")
    hook.get_me()


def test_all_that_is_moved_as_a_whole(hook: ApifyHook) -> None:
    run = hook.start_run(SCENARIO, {"items": 3, "records": {"OUTPUT": {"a": 1}}})
    hook.wait_for_run(run.id)
    for read in (
        partial(hook._read_body, get_record(run.key_value_store_id or "", "OUTPUT")),
        partial(hook._read_body, get_records(run.key_value_store_id or "", prefix="OUT")),
        partial(hook._read_body, get_log(run.id)),
    ):
        read(BodyReader(lambda _piece: None, partial(RecordCheck, None)))
    dataset = hook.create_dataset("contract")
    hook._drive(
        Pusher(dataset.id, hook.retry, hook.log.info, settle=0).push(Piece(1, b'[{"a": 1}]'), 0, look_first=True)
    )
    assert hook._drive(count_items(dataset.id, hook.retry)) == hook._look_at_items(dataset.id, None).item_count == 1
    assert hook.get_settled_dataset(dataset.id).item_count == 1
    for kind in get_args(StorageKind):
        hook.name_storage(kind, getattr(run, f"{kind}_id"), "kept")


def test_a_name_that_is_taken(hook: ApifyHook) -> None:
    hook.create_dataset("taken")
    with pytest.raises(ValueError, match="taken by the dataset"):
        hook.name_storage("dataset", hook.start_run(SCENARIO).dataset_id or "", "taken")


def test_all_that_can_be_done_to_a_run(hook: ApifyHook) -> None:
    run = hook.start_run(SCENARIO, {"durationSecs": 600})
    until(lambda: hook.get_run(run.id).status == "RUNNING")
    hook.set_run_status_message(run.id, "Checked", is_terminal=True)
    hook.reboot_run(run.id)
    hook.metamorph_run(run.id, SCENARIO.id, {"durationSecs": 600}, build="latest")
    hook.abort_run(run.id, gracefully=True)
    limits = {name: SHARED_OPTIONS[name] for name in SHARED_OPTIONS if name != "webhooks"}
    hook.resurrect_run(run.id, options=RunOptions.parse(limits))
    hook.abort_run(run.id)
    hook.wait_for_run(run.id)
    hook.delete_run(run.id)


def test_all_that_can_be_done_with_a_key_value_store(hook: ApifyHook) -> None:
    store = hook.create_key_value_store("contract").id
    hook.create_key_value_store()
    hook.get_key_value_store(store)
    for value in ({"a": 1}, "text", b"\xff"):
        hook.set_record(store, "it's!(KEY)", value)
        assert hook.get_record(store, "it's!(KEY)").value == value
    hook.record_exists(store, "it's!(KEY)")
    list(hook.iterate_keys(store, prefix="it's"))
    hook.get_record_url(store, "it's!(KEY)")
    hook.delete_record(store, "it's!(KEY)")


def test_queues_and_datasets_are_filled(hook: ApifyHook) -> None:
    run = hook.start_run(SCENARIO)
    requests = [{"url": "https://example.com/"}, {"url": "https://example.com/", "method": "POST", "payload": "a"}]
    hook.add_requests(run.request_queue_id or "", requests)
    hook.add_requests(run.request_queue_id or "", requests, forefront=True)
    hook.get_request_queue(run.request_queue_id or "")
    hook.get_request_queue_head(run.request_queue_id or "", limit=5)
    hook.push_items(run.dataset_id or "", [{"a": 1}])


@pytest.mark.parametrize("target", [SCENARIO, Target("task", "local/daily-crawl")], ids=str)
def test_runs_in_one_request(hook: ApifyHook, exchanges: list[Exchange], target: Target) -> None:
    options = RunOptions.parse(SHARED_OPTIONS)
    hook.run_sync(target, options=options, output_key="OUTPUT")
    hook.run_sync_get_items(target, {"items": 1}, options=options, clean=True, fields=["url"])
    assert [len(each.query.split("&")) for each in exchanges if "run-sync" in each.path] == [8, 9]


@pytest.mark.parametrize("target", [SCENARIO, Target("task", "local/daily-crawl")], ids=str)
def test_all_that_can_be_done_with_webhooks(hook: ApifyHook, target: Target) -> None:
    spec = WebhookSpec(RUN_ENDS, "http://127.0.0.1:9/", headers={"X-Secret": "s"}, do_not_retry=True)
    webhook = hook.ensure_webhook(target, spec)
    hook.ensure_webhook(target, replace(spec, description="Tells", payload_template='{"a": {{resource}}}'))
    hook.get_webhook(webhook.id)
    for of in (target, None):
        assert [each.id for each in hook.iterate_webhooks(of)] == [webhook.id]
    hook.update_webhook(webhook.id, {"description": None})
    dispatch = hook.test_webhook(webhook.id)
    hook.get_webhook_dispatch(dispatch.id)
    assert [each.id for each in hook.iterate_webhook_dispatches(webhook_id=webhook.id)] == [dispatch.id]
    hook.delete_webhook(webhook.id)


@pytest.mark.parametrize("target", [SCENARIO, Target("task", "local/daily-crawl")], ids=str)
@pytest.mark.parametrize("build", [None, "latest"])
def test_an_input_is_validated(hook: ApifyHook, target: Target, build: str | None) -> None:
    hook.validate_input(target, {"items": 1}, build=build)


def test_all_that_is_known_before_a_run(hook: ApifyHook) -> None:
    hook.get_actor(SCENARIO.id)
    number = hook.get_build(SCENARIO.id).number
    hook.get_build(SCENARIO.id, number)
    assert [build.number for build in hook.iterate_builds(SCENARIO.id, desc=True)] == [number]
    hook.get_input_schema(SCENARIO.id, "latest")
    hook.get_task("local/daily-crawl")
    hook.get_task_input("local/daily-crawl")
    list(hook.search_store("a", limit=5))
    filters = {"category": "AI", "username": "apify", "pricing_model": "FREE", "sort_by": "popularity"}
    list(hook.search_store("a", **filters, allows_agentic_users=False, include_unrunnable=True))  # type: ignore[arg-type]


async def test_the_account(hook: ApifyHook) -> None:
    await hook.async_get_limits()
    await asyncio.to_thread(hook.get_limits)
    await asyncio.to_thread(hook.get_monthly_usage)
    await asyncio.to_thread(hook.get_monthly_usage, date(2026, 1, 31))


@pytest.mark.parametrize("name", sorted(FORMATS))
@pytest.mark.parametrize("values", [{}, {"clean": True, "fields": ["id", "url"], "omit": ["title"]}, {"desc": True}])
def test_an_export_in_every_format(hook: ApifyHook, name: str, values: dict[str, Any]) -> None:
    run = hook.start_run(SCENARIO, {"items": 3})
    hook.wait_for_run(run.id)
    source = Source(hook, run.dataset_id or "", ItemsQuery.parse(values))
    body: list[bytes] = []
    FORMATS[name].write([source], lambda piece: body.append(bytes(piece)))
    assert b"".join(body)


async def test_everything_on_the_event_loop(hook: ApifyHook, finished_run: str) -> None:
    await hook._async_look_at_items(None, finished_run)
    await hook.async_get_last_run(SCENARIO, status="SUCCEEDED", origin="API")
    await hook.async_wait_for_run(finished_run, settle=0.01)
    await hook.async_abort_run(finished_run)


@pytest.fixture
def finished_run(apify: LocalApify) -> str:  # noqa: ARG001 - where the run is
    starter = ApifyHook()
    return starter.wait_for_run(starter.start_run(SCENARIO, {}).id).run.id


def test_every_call_of_the_table_in_the_docs_was_made_above() -> None:
    """Say which is missing; it needs the other tests of this module to have run."""
    assert sorted({row.call for row in api_rows()} - SENT) == []
