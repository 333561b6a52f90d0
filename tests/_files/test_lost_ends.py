"""A connection may die behind the last byte of an answer: then all is there, and only nobody has said so."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_apify._files.dataset import plan, walk
from airflow_provider_apify._files.dataset.plan import Plan
from airflow_provider_apify._files.dataset.readers import LineReader
from airflow_provider_apify._files.dataset.source import Source
from airflow_provider_apify._files.dataset.walk import Walk
from airflow_provider_apify._files.heads import SCANNED, TOTAL
from airflow_provider_apify._files.query import ItemsQuery
from airflow_provider_apify.exceptions import ApifyDataError
from airflow_provider_apify.hooks.apify import ApifyHook
from local_apify import LocalApify, scenario_item
from local_apify.world.datasets import encode
from tests._files.material import Taken, dataset_of, lines_of

ITEMS, ITEM_BYTES, SAMPLE = 1_000, 200, 100


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (plan, walk):
        monkeypatch.setattr(module, "SAMPLE_ITEMS", SAMPLE)
        monkeypatch.setattr(module, "LARGEST_PAGE_BYTES", SAMPLE * (ITEM_BYTES + 1))


def items(start: int, end: int) -> list[dict[str, Any]]:
    return [scenario_item(index, ITEM_BYTES) for index in range(start, end)]


def size_of(start: int, end: int) -> int:
    """Return how many bytes these are as lines."""
    return sum(len(encode(item)) + 1 for item in items(start, end))


def walked(hook: ApifyHook, limit: int | None = None) -> list[Any]:
    taken = Taken()
    Walk(Source(hook, dataset_of(hook, ITEMS, ITEM_BYTES), ItemsQuery(limit=limit)), taken).go()
    return [json.loads(line) for line in taken.body.split(b"\n")[:-1]]


@pytest.mark.parametrize("limit", [None, 50, 500])
def test_the_first_page_is_not_asked_for_again(hook: ApifyHook, apify: LocalApify, limit: int | None) -> None:
    first = min(SAMPLE, limit or SAMPLE)
    apify.control.add_fault("cut-body", path="*/items", after_bytes=size_of(0, first))
    assert walked(hook, limit) == items(0, limit or ITEMS)
    assert apify.control.faults()[0]["happened"] == 1


@pytest.mark.parametrize("limit", [None, 500])
def test_the_end_of_a_stream_is_not_asked_for_again(
    hook: ApifyHook, apify: LocalApify, monkeypatch: pytest.MonkeyPatch, limit: int | None
) -> None:
    monkeypatch.setattr(walk, "choose", lambda *_, **__: Plan(1, compressed=False))
    rest = size_of(SAMPLE, limit or ITEMS)
    apify.control.add_fault("cut-body", path="*/items", skip=1, after_bytes=rest)
    assert walked(hook, limit) == items(0, limit or ITEMS)
    assert apify.control.faults()[0]["happened"] == 1


@pytest.mark.parametrize("limit", [None, 500])
def test_pages_side_by_side_are_not_asked_for_again(
    hook: ApifyHook, apify: LocalApify, monkeypatch: pytest.MonkeyPatch, limit: int | None
) -> None:
    monkeypatch.setattr(walk, "choose", lambda *_, **__: Plan(4, compressed=False))
    monkeypatch.setattr(plan.Pace, "pays", True)
    page = size_of(SAMPLE, 2 * SAMPLE)
    apify.control.add_fault("cut-body", path="*/items", skip=1, times=3, after_bytes=page)
    assert walked(hook, limit) == items(0, limit or ITEMS)
    assert apify.control.faults()[0]["happened"] == 3


def test_what_broke_and_is_asked_for_again_is_told_in_the_log(
    hook: ApifyHook, apify: LocalApify, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(hook.log, "warning", told.append)
    apify.control.add_fault("cut-body", path="*/items", after_bytes=10)
    assert walked(hook) == items(0, ITEMS)
    assert len(told) == 1
    assert "/items: no answer from" in told[0]
    assert told[0].endswith("for what is missing.")
    assert apify.token not in told[0]


def test_an_answer_with_more_items_than_were_asked_for_is_no_answer() -> None:
    taken = Taken()
    reader = LineReader({}, 0, 3, taken)
    reader.params()
    with pytest.raises(ApifyDataError, match="stands for 5 items where 3 were asked for"):
        reader.read({SCANNED: "5", TOTAL: "5"}, iter([lines_of(items(0, 5))]))
    assert (taken.body, reader.position) == (b"", 0)
