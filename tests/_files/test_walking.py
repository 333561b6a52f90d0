"""The way through a dataset is as fast as the link rewards, and neither tears, doubles nor loses an item."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from airflow_provider_apify._files.dataset.plan import Plan
from airflow_provider_apify._files.dataset.source import Source
from airflow_provider_apify._files.dataset.walk import Walk
from airflow_provider_apify._files.query import ItemsQuery
from airflow_provider_apify.exceptions import ApifyDataError, ApifyError
from airflow_provider_apify.hooks.apify import ApifyHook
from local_apify import Exchange, LocalApify, scenario_item
from tests._files.material import Taken, dataset_of, push, pushed, requests_for_items
from tests._files.walks import (
    FAULTS,
    ITEM_BYTES,
    Gate,
    asked,
    choose_always,
    grow_in_the_middle,
    items_up_to,
    walked,
)


@pytest.mark.parametrize("count", [0, 1, 99, 100, 101, 200, 201, 2_500])
@pytest.mark.usefixtures("small")
def test_a_dataset_of_any_size_is_walked_to_its_end(hook: ApifyHook, count: int) -> None:
    walk, items = walked(Source(hook, dataset_of(hook, count, ITEM_BYTES)))
    assert items == items_up_to(count)
    assert walk.position == count


@pytest.mark.parametrize("count", [0, 3])
def test_a_small_dataset_takes_two_requests_for_items(hook: ApifyHook, apify: LocalApify, count: int) -> None:
    walked(Source(hook, dataset_of(hook, count)))
    assert requests_for_items(apify) == (2 if count else 1)


@pytest.mark.usefixtures("small")
def test_a_walk_may_begin_in_the_middle(hook: ApifyHook) -> None:
    walk, items = walked(Source(hook, dataset_of(hook, 500, ITEM_BYTES)), start=123)
    assert items == items_up_to(500, start=123)
    assert (walk.position, walk.records) == (500, 377)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.usefixtures("small")
def test_a_stream_that_goes_wrong_goes_on_with_the_next_item(
    hook: ApifyHook, apify: LocalApify, fault: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    choose_always(Plan(1, compressed=False), monkeypatch)
    dataset_id = dataset_of(hook, 2_000, ITEM_BYTES)
    apify.control.add_fault(path="*/items", skip=1, times=3, **fault)
    _, items = walked(Source(hook, dataset_id))
    assert items == items_up_to(2_000)


def test_a_stream_that_keeps_breaking_goes_on_as_long_as_each_answer_brings_something(
    hook: ApifyHook, apify: LocalApify
) -> None:
    dataset_id = dataset_of(hook, 100, ITEM_BYTES)
    fault = apify.control.add_fault("cut-body", path="*/items", times=None, after_bytes=10 * ITEM_BYTES)
    _, items = walked(Source(hook, dataset_id))
    assert items == items_up_to(100)
    happened = {rule["id"]: rule["happened"] for rule in apify.control.faults()}[fault]
    assert happened > 2 * hook.retry.attempts


@pytest.mark.parametrize("connections", [1, 4])
@pytest.mark.parametrize("lag", [0, 60])
def test_a_dataset_that_grows_meanwhile_is_walked_to_its_end(
    hook: ApifyHook,
    apify: LocalApify,
    gate: Gate,
    *,
    four_connections: Plan,
    monkeypatch: pytest.MonkeyPatch,
    connections: int,
    lag: int,
) -> None:
    plan = replace(four_connections, connections=connections)
    choose_always(plan, monkeypatch)
    apify.control.settings(item_count_lag_seconds=lag)
    dataset_id = dataset_of(hook, 1_000, ITEM_BYTES)
    grow_in_the_middle(apify, gate, dataset_id, after=200, by=50)
    _, items = walked(Source(hook, dataset_id))
    assert items == items_up_to(1_000) + [{"late": number} for number in range(50)]


def test_newest_first_is_one_stream(hook: ApifyHook) -> None:
    walk, items = walked(Source(hook, dataset_of(hook, 2_500, ITEM_BYTES), ItemsQuery(desc=True)))
    assert items == items_up_to(2_500)[::-1]
    assert walk.plan == Plan(1, compressed=False)


def test_newest_first_goes_on_behind_a_cap(hook: ApifyHook, apify: LocalApify) -> None:
    apify.control.settings(max_items_per_request=400)
    _, items = walked(Source(hook, dataset_of(hook, 1_000, ITEM_BYTES), ItemsQuery(desc=True)))
    assert items == items_up_to(1_000)[::-1]


def test_newest_first_of_a_dataset_that_grows_is_an_error_and_not_a_doubled_item(
    hook: ApifyHook, apify: LocalApify, gate: Gate
) -> None:
    apify.control.settings(max_items_per_request=400)
    dataset_id = dataset_of(hook, 1_000, ITEM_BYTES)
    grow_in_the_middle(apify, gate, dataset_id, after=400, by=5)
    with pytest.raises(ApifyDataError, match="has grown while it was read newest first"):
        Walk(Source(hook, dataset_id, ItemsQuery(desc=True)), Taken()).go()


@pytest.mark.parametrize("at_the_end", [False, True])
def test_newest_first_tells_growth_by_more_than_the_first_item(
    hook: ApifyHook, apify: LocalApify, gate: Gate, *, at_the_end: bool
) -> None:
    apify.control.settings(max_items_per_request=400)
    dataset_id, late = pushed(hook, apify, [{"same": True}] * 1_000), [{"same": True}]

    def grow(start: int) -> None:
        if start >= (1_000 if at_the_end else 400) and late:
            push(apify, dataset_id, [late.pop()])

    gate.before = grow
    with pytest.raises(ApifyDataError, match="has grown while it was read newest first"):
        Walk(Source(hook, dataset_id, ItemsQuery(desc=True)), Taken()).go()


@pytest.mark.usefixtures("small")
def test_the_first_page_of_a_view_is_as_small_as_a_sample(
    hook: ApifyHook, exchanges: list[Exchange], apify: LocalApify
) -> None:
    dataset_id = dataset_of(hook, 1_000, ITEM_BYTES)
    _, items = walked(Source(hook, dataset_id, ItemsQuery(clean=True, desc=True)))
    assert len(items) == 1_000
    probe, first, *_ = exchanges
    assert (asked(probe)["limit"], asked(first)["limit"]) == ("1", "100")
    assert apify.control.ledger().requests_by_route["GET /v2/datasets/{datasetId}"] == 3


@pytest.mark.usefixtures("small")
def test_filters_drop_items_without_ending_early(hook: ApifyHook, apify: LocalApify) -> None:
    dataset_id = dataset_of(hook, 0)
    push(apify, dataset_id, [{"#hidden": 1}] * 1_000 + [{"a": number, "#b": 1} for number in range(5)])
    walk, items = walked(Source(hook, dataset_id, ItemsQuery(clean=True)))
    assert items == [{"a": number} for number in range(5)]
    assert (walk.position, walk.records) == (1_005, 5)


@pytest.mark.parametrize(("count", "item_bytes"), [(3, 2_000_000), (40, 200_000), (3_000, 0)])
def test_items_of_any_size_pass(hook: ApifyHook, count: int, item_bytes: int) -> None:
    _, items = walked(Source(hook, dataset_of(hook, count, item_bytes)))
    assert items == [scenario_item(index, item_bytes) for index in range(count)]


def test_pages_that_keep_breaking_are_an_error(hook: ApifyHook, apify: LocalApify) -> None:
    dataset_id = dataset_of(hook, 100)
    apify.control.add_fault("end-body-early", path="*/items", times=None, after_bytes=50)
    with pytest.raises(ApifyDataError, match=dataset_id) as caught:
        Walk(Source(hook, dataset_id), Taken()).go()
    assert caught.value.retryable
    assert isinstance(caught.value, ApifyError)
