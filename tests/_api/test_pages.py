from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import given, strategies as st

from airflow_provider_apify._api.pages import by_key, by_offset


@given(st.integers(0, 25), st.integers(1, 7))
def test_a_list_in_pages_is_whole_however_long_they_are(count: int, page: int) -> None:
    entries = [{"id": number} for number in range(count)]
    assert list(by_offset(lambda offset: entries[offset : offset + page])) == entries


def test_entries_that_new_ones_push_to_the_next_page_come_once() -> None:
    pages = {0: [{"id": "c"}, {"id": "b"}], 2: [{"id": "b"}, {"id": "a"}], 4: []}
    assert [entry["id"] for entry in by_offset(pages.__getitem__)] == ["c", "b", "a"]


def _page(keys: list[str], start: str | None, size: int, *, says_next: bool) -> Mapping[str, Any]:
    left = [key for key in keys if start is None or key > start]
    shown = left[:size]
    following = {"nextExclusiveStartKey": shown[-1]} if says_next and shown else {}
    return {"items": [{"key": key} for key in shown], "isTruncated": len(left) > size, **following}


@given(st.lists(st.text(min_size=1), unique=True).map(sorted), st.integers(1, 5), st.booleans())
def test_keys_in_pages_are_whole(keys: list[str], size: int, says_next: bool) -> None:
    shown = by_key(lambda start: _page(keys, start, size, says_next=says_next))
    assert [entry["key"] for entry in shown] == keys


def test_a_list_that_says_there_is_more_but_shows_nothing_ends() -> None:
    assert list(by_key(lambda _start: {"items": [], "isTruncated": True})) == []
