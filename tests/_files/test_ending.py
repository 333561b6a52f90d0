"""One loop decides where a dataset ends, whatever Apify's counts and totals say, and however late."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_apify._files.dataset.end import LAG_LOOKS, LAG_PAUSE_SECONDS, End
from airflow_provider_apify._files.dataset.reader import Window
from airflow_provider_apify._files.query import ItemsQuery
from airflow_provider_apify.exceptions import ApifyDataError


class Counting:
    """A source of which only the counts are asked."""

    dataset_id, window = "d1", Window()

    def __init__(self, *counts: int, clean: int | None = None, query: ItemsQuery | None = None) -> None:
        self._counts, self._clean, self.query = list(counts), clean, query or ItemsQuery()

    @property
    def dataset(self) -> Any:
        count = self._counts.pop(0) if len(self._counts) > 1 else self._counts[0]
        return SimpleNamespace(item_count=count, clean_item_count=self._clean)


class Dataset:
    """Answers of which each brings so many items, the last one again and again.

    :ivar delays: seconds before each.
    """

    def __init__(self, *sizes: int, total: int = 0) -> None:
        self._sizes, self._total, self._position = list(sizes), total, 0
        self.delays: list[float] = []

    def next(self, delay: float) -> Any:
        self.delays.append(delay)
        size = self._sizes.pop(0) if len(self._sizes) > 1 else self._sizes[0]
        self._position += size
        return SimpleNamespace(
            position=self._position, is_last=size == 0, dataset_total=self._total, answers=size > 0, records=size
        )


def read(source: Any, dataset: Dataset) -> End:
    end = End(source)
    for _ in end.answers(dataset.next):
        continue
    return end


def test_the_end_is_an_empty_answer_where_no_more_items_are_counted() -> None:
    dataset = Dataset(3, 2, 0)
    assert read(Counting(5), dataset).records == 5
    assert dataset.delays == [0, 0, 0]


def test_a_count_that_lags_behind_the_items_is_no_end() -> None:
    assert read(Counting(2), Dataset(3, 2, 0)).records == 5


def test_items_that_are_counted_but_lag_are_waited_for() -> None:
    dataset = Dataset(3, 0, 0, 2, 0)
    assert read(Counting(5), dataset).records == 5
    assert dataset.delays == [0, 0, LAG_PAUSE_SECONDS, LAG_PAUSE_SECONDS, 0]


def test_items_that_never_come_are_an_error_but_each_that_comes_renews_the_patience() -> None:
    dataset = Dataset(*[0, 0, 0, 1] * 20, 0)
    with pytest.raises(ApifyDataError, match="Dataset d1 counts 100 items, but only 20 came"):
        read(Counting(100), dataset)
    assert len(dataset.delays) == 80 + LAG_LOOKS + 1


def test_an_answer_that_says_there_are_more_is_believed_though_the_count_lags() -> None:
    assert read(Counting(3), Dataset(3, 0, 0, 2, 0, total=5)).records == 5
    with pytest.raises(ApifyDataError, match="counts 5 items, but only 3 came"):
        read(Counting(3), Dataset(3, 0, total=5))


@pytest.mark.parametrize("query", [ItemsQuery(clean=True), ItemsQuery(skip_hidden=True, skip_empty=True, desc=None)])
def test_fewer_clean_items_than_apify_counts_are_an_error(query: ItemsQuery) -> None:
    assert read(Counting(5, clean=5, query=query), Dataset(5, 0)).records == 5
    with pytest.raises(ApifyDataError, match="Dataset d1 counts 6 clean items, but only 5 came"):
        read(Counting(5, clean=6, query=query), Dataset(5, 0))


@pytest.mark.parametrize(
    "query",
    [
        ItemsQuery(),
        ItemsQuery(skip_empty=True),
        ItemsQuery(clean=True, fields=("a",)),
        ItemsQuery(clean=True, limit=5),
        ItemsQuery(clean=True, offset=1),
        ItemsQuery(clean=True, unwind=("a",)),
    ],
)
def test_clean_items_are_compared_only_where_they_are_what_is_wanted(query: ItemsQuery) -> None:
    assert read(Counting(5, clean=6, query=query), Dataset(5, 0)).records == 5
