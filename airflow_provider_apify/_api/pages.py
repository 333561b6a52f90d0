"""Lists that come in pages, whoever fetches the pages. No I/O."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from airflow_provider_apify._arguments.values import parse_whole_number

Entry = Mapping[str, Any]


def by_offset(fetch: Callable[[int], Sequence[Entry]]) -> Iterator[Entry]:
    """Yield all entries of a list that is asked for by offset, until a page is empty.

    Where the newest come first, new ones shift the others into the next page: those are not yielded twice.

    :param fetch: returns the page at an offset; its entries have an ``id``.
    """
    offset, shown = 0, frozenset[str]()
    while entries := fetch(offset):
        yield from (entry for entry in entries if entry["id"] not in shown)
        offset, shown = offset + len(entries), frozenset(entry["id"] for entry in entries)


def by_key(fetch: Callable[[str | None], Mapping[str, Any]]) -> Iterator[Entry]:
    """Yield all entries of a list that is asked for by the key to start after.

    :param fetch: returns the page after a key, the first page for ``None``: ``items``, whether it ``isTruncated``, and
        ``nextExclusiveStartKey``.
    """
    start: str | None = None
    while True:
        page = fetch(start)
        entries: Sequence[Entry] = page["items"]
        yield from entries
        if not entries or not page["isTruncated"]:
            return
        start = page.get("nextExclusiveStartKey") or entries[-1]["key"]


def read_limit(limit: int | None) -> int | None:
    """Read how many entries are wanted at most; ``None`` for all.

    :raises ValueError: it is no number.
    """
    return None if limit is None else parse_whole_number("limit", limit, minimum=0)
