"""Items, bodies and datasets that the tests of exports are made from."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import zstandard
from hypothesis import strategies as st

from airflow_provider_apify._files.dataset.reader import Reader
from airflow_provider_apify._files.dataset.source import Source
from airflow_provider_apify._files.export import Manifest
from airflow_provider_apify._files.formats.registry import FORMATS
from airflow_provider_apify._files.heads import SCANNED, TOTAL
from airflow_provider_apify._files.query import ItemsQuery
from airflow_provider_apify.exceptions import ApifyDataError
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.options import Target
from local_apify import LocalApify
from tests.local_apify.client import Client

if TYPE_CHECKING:
    import pytest

ITEMS_ROUTE = "GET /v2/datasets/{datasetId}/items"
ITEMS = st.lists(st.dictionaries(st.text(), st.text() | st.integers() | st.none(), max_size=4), max_size=8)
CELLS = st.text(alphabet='ab",\n\r\v\x85\u2028 é🦊', max_size=6)
TABLES = st.integers(1, 4).flatmap(lambda width: st.lists(st.lists(CELLS, min_size=width, max_size=width), min_size=1))
CUTS = st.lists(st.integers(0), max_size=8)


Exporting = Callable[..., Manifest]


def lines_of(items: Sequence[Any]) -> bytes:
    return b"".join(json.dumps(item, ensure_ascii=False).encode() + b"\n" for item in items)


def table_of(rows: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows(rows)  # the only one with which Python quotes a lone \r too
    return text.getvalue().encode()


def rows_of(body: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(body.decode(), newline="")))


def pieces_of(body: bytes, cuts: Sequence[int]) -> list[bytes]:
    """Cut a body at any places."""
    places = [0, *sorted(cut % (len(body) + 1) for cut in cuts), len(body)]
    return [body[start:end] for start, end in pairwise(places) if start < end]


class Taken:
    """Keeps what is handed on, as a take and as a sink."""

    def __init__(self) -> None:
        self.body = b""

    def __call__(self, piece: bytes | memoryview) -> None:
        self.body += piece

    def write(self, piece: bytes | bytearray | memoryview) -> None:
        self.body += piece


class BrokenError(Exception):
    """A connection has died."""


Answer = Callable[[Mapping[str, Any]], tuple[int, bytes]]
"""Gives the number of items and the body for the parameters of a request."""


def read_through(
    reader: Reader, answer: Answer, breaks: Sequence[tuple[int, bool]], cuts: Sequence[int] = (), total: int = 0
) -> None:
    """Have a reader read all, though the first answers break.

    :param breaks: after how many bytes each breaks, and whether that shows; one that does not looks complete.
    """
    left = list(breaks)
    while not reader.is_done and (params := reader.params()) is not None:
        scanned, body = answer(params)
        headers = {SCANNED: str(scanned), TOTAL: str(max(total, scanned)), "transfer-encoding": "chunked"}
        try:
            reader.read(
                headers, _breaking(pieces_of(body, cuts), *left.pop(0)) if left else iter(pieces_of(body, cuts))
            )
        except (BrokenError, ApifyDataError):
            assert len(left) < len(breaks), "an answer that did not break was refused"
            breaks = breaks[: len(left)]


def _breaking(pieces: Sequence[bytes], after: int, shows: bool) -> Iterator[bytes]:
    size = sum(map(len, pieces))
    kept = after % (size + 1)  # the last break is behind all bytes: only that this is the end is not said
    for piece in pieces:
        if kept <= 0:
            break
        yield piece[:kept]
        kept -= len(piece)
    if shows:
        raise BrokenError


def dataset_of(hook: ApifyHook, items: int, item_bytes: int = 200) -> str:
    """Return a dataset with so many items of ``apify/scenario``."""
    run = hook.start_run(Target("actor", "apify/scenario"), {"items": items, "itemBytes": item_bytes})
    assert hook.wait_for_run(run.id).run.dataset_id == run.dataset_id
    return run.dataset_id or ""


def push(apify: LocalApify, dataset_id: str, items: Sequence[Mapping[str, Any]]) -> None:
    client = Client(apify)
    with client.session:
        assert client.send("POST", f"/v2/datasets/{dataset_id}/items", json=list(items)).ok


def pushed(hook: ApifyHook, apify: LocalApify, items: Sequence[Mapping[str, Any]]) -> str:
    """Return a dataset with these items."""
    dataset_id = dataset_of(hook, 0)
    if items:
        push(apify, dataset_id, items)
    return dataset_id


def requests_for_items(apify: LocalApify) -> int:
    return apify.control.ledger().requests_by_route.get(ITEMS_ROUTE, 0)


def say_that_there_are(count: int, hook: ApifyHook, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have Apify count so many items in every dataset."""
    get = hook.get_settled_dataset
    monkeypatch.setattr(
        hook, "get_settled_dataset", lambda wanted, **options: replace(get(wanted, **options), item_count=count)
    )


def source_of(hook: ApifyHook, dataset_id: str, name: str, **values: Any) -> Source:
    return Source(hook, dataset_id, ItemsQuery.check(values, name))


def written(hook: ApifyHook, dataset_id: str, name: str, **values: Any) -> tuple[int | None, bytes]:
    """Write a dataset; return how many items, and the file."""
    taken = Taken()
    (records,) = FORMATS[name].write([source_of(hook, dataset_id, name, **values)], taken)
    return records, taken.body


def items_of(name: str, body: bytes) -> list[Any]:
    """Return the items of a file, those of CSV with text for every value."""
    if name == "csv":
        return list(csv.DictReader(io.StringIO(body.decode(), newline="")))
    if name == "parquet":
        rows: list[Any] = pq.read_table(io.BytesIO(body)).to_pylist()
        return rows
    return [json.loads(line) for line in body.splitlines()] if name == "jsonl" else list(json.loads(body))


def opened(compression: str | None, body: bytes) -> bytes:
    if compression == "gzip":
        return gzip.decompress(body)
    return zstandard.ZstdDecompressor().decompressobj().decompress(body) if compression else body
