"""Where a dataset ends, and what is at an index."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_apify.exceptions import ApifyDataError
from airflow_provider_apify.export.reading import LineReader, PageReader
from airflow_provider_apify.export.source import End, Source
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.testing import LocalApify
from tests.export.material import Taken, pushed


class Counting:
    """A source of which only the count is asked."""

    dataset_id = "d1"

    def __init__(self, *counts: int) -> None:
        self._counts = list(counts)

    @property
    def item_count(self) -> int:
        return self._counts.pop(0) if len(self._counts) > 1 else self._counts[0]


def test_the_end_is_where_no_more_items_are_counted() -> None:
    source: Any = Counting(5)
    assert End(source).is_at(5)
    assert End(source).is_at(7)


def test_items_that_are_counted_but_lag_are_waited_for() -> None:
    source: Any = Counting(5, 5, 5, 8, 8)
    end = End(source)
    assert [end.is_at(position) for position in (3, 3, 5, 6, 8)] == [False, False, True, False, True]


def test_items_that_never_come_are_an_error_but_each_that_comes_renews_the_patience() -> None:
    source: Any = Counting(100)
    end = End(source)
    for position in range(20):
        assert not end.is_at(position)
    assert [end.is_at(50) for _ in range(6)] == [False] * 6
    with pytest.raises(ApifyDataError, match="Dataset d1 counts 100 items, but only 50 came"):
        end.is_at(50)


def test_an_item_is_there_or_not(hook: ApifyHook, apify: LocalApify) -> None:
    dataset_id = pushed(hook, apify, [{"a": 1}, {}])
    source = Source(hook, dataset_id, {})
    assert [source.item(index) for index in range(3)] == [(True, b'{"a":1}\n'), (True, b"{}\n"), (False, b"")]
    assert Source(hook, dataset_id, {"clean": True}, exact=False).item(1) == (True, b"")
    assert Source(hook, dataset_id, {"desc": True}, steady=False).item(1) == (True, b'{"a":1}\n')


def test_filtered_items_are_kept_back_until_whole_and_never_compressed(hook: ApifyHook) -> None:
    plain = Source(hook, "d1", {}).reader(0, 10, Taken(), compressed=True)
    filtered = Source(hook, "d1", {"clean": True}, exact=False).reader(0, 10, Taken(), compressed=True)
    assert isinstance(plain, LineReader)
    assert plain.compressed
    assert isinstance(filtered, PageReader)
    assert not filtered.compressed
