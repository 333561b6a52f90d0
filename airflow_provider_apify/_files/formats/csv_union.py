"""CSV put together from pages whose columns differ."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import IO, Any

from airflow_provider_apify._files.checks import BOM, FirstRow, RowCheck
from airflow_provider_apify._files.csv_cells import long_cells
from airflow_provider_apify._files.dataset.end import End
from airflow_provider_apify._files.dataset.plan import SAMPLE_ITEMS, Plan
from airflow_provider_apify._files.dataset.reader import Reader, Take
from airflow_provider_apify._files.dataset.readers import PageReader
from airflow_provider_apify._files.dataset.source import Source
from airflow_provider_apify._files.heads import Head
from airflow_provider_apify._files.query import ItemsQuery
from airflow_provider_apify._files.temporary import temporary_file
from airflow_provider_apify.exceptions import ApifyDataError

_Rows = Iterator[list[str]]

_MOST_PAGE_ITEMS = 10_000
_TEXT_CHARACTERS = 2**20
_PLAN = Plan(1, compressed=False)


@dataclass(frozen=True)
class _Page:
    """Where an answer lies in the file that keeps them all until their columns are known.

    :param place: of its dataset, counted from 0.
    """

    place: int
    start: int
    end: int
    records: int


def write_united(sources: Sequence[Source], take: Take, params: Mapping[str, Any]) -> list[int]:
    """Write all pages as one table: columns in order of appearance, cells that a page does not know empty.

    :param params: of the items endpoint, by their API names, beside the format.
    :return: how many rows each dataset has.
    :raises ApifyDataError: items that Apify counts did not come, or a page cannot be read.
    """
    with temporary_file() as kept, long_cells():
        of_pages = {**params, "format": "csv", "skipHeaderRow": None, "bom": False}
        pages = [page for place, source in enumerate(sources) for page in _pages(source, place, kept, of_pages)]
        delimiter = str(params.get("delimiter") or ",")
        tables = [partial(_rows, kept, page, delimiter) for page in pages]
        columns = dict.fromkeys(column for table in tables for column in _columns(table))
        if columns:
            take(BOM if params.get("bom") else b"")
            rows = _unite(tables, list(columns), take, delimiter, has_header=not params.get("skipHeaderRow"))
            return _of_each(len(sources), pages, rows)
    take(empty_table(sources[0].query))
    return [0] * len(sources)


def _of_each(count: int, pages: Sequence[_Page], rows: Sequence[int]) -> list[int]:
    """Return how many rows each of so many datasets has, given those of all pages."""
    counts = [0] * count
    for page, each in zip(pages, rows, strict=True):
        counts[page.place] += each
    return counts


def empty_table(query: ItemsQuery) -> bytes:
    """Return CSV without rows: the header that fields name, or nothing."""
    names = query.output_fields or [name.replace(".", "/") for name in query.fields]
    if query.skip_header_row or not names:
        return b""
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=query.delimiter or ",", lineterminator="\n").writerow(names)
    return (BOM if query.bom else b"") + text.getvalue().encode()


def _pages(source: Source, place: int, kept: IO[bytes], params: Mapping[str, Any]) -> Iterator[_Page]:
    """Keep page after page, small ones where items are large, and yield where each lies."""
    delimiter = str(params.get("delimiter") or ",")

    def check(head: Head) -> RowCheck:
        first_row = FirstRow(delimiter, source.lost_columns.look)
        return RowCheck(head, counts=source.query.keeps_every_item, first_row=first_row)

    position, page_items = 0, min(SAMPLE_ITEMS, _MOST_PAGE_ITEMS)

    def read_next(delay: float) -> Reader:
        reader = PageReader(params, position, position + page_items, kept.write, check=check)
        source.read_answer(reader, delay=delay)
        return reader

    start = kept.tell()
    for reader in End(source).answers(read_next):
        yield _Page(place, start, kept.tell(), reader.records or 0)
        position, start = reader.position, kept.tell()
        if reader.speed.items:
            page_items = min(_MOST_PAGE_ITEMS, _PLAN.page_items(reader.speed.size / reader.speed.items))


def _unite(
    tables: Sequence[Callable[[], _Rows]], columns: Sequence[str], take: Take, delimiter: str, *, has_header: bool
) -> list[int]:
    """Unite tables, of which each begins with the names of its columns; return how many rows each has."""
    text, counts = io.StringIO(newline=""), []
    # With this line break, which is RFC 4180's, Python quotes a lone carriage return too.
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\r\n", delimiter=delimiter)
    if has_header:
        writer.writeheader()
    for table in tables:
        rows = table()
        header, count = next(rows, []), 0
        for row in rows:
            # A blank line is a row of one empty cell, or of an item without fields.
            writer.writerow(_named(header, row) if row else {})
            count += 1
            if text.tell() > _TEXT_CHARACTERS:
                take(_taken(text))
        counts.append(count)
    take(_taken(text))
    return counts


def _columns(table: Callable[[], _Rows]) -> list[str]:
    """Return the names of a table's columns.

    :raises ApifyDataError: two have the same.
    """
    names = next(table(), [])
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ApifyDataError(f"a page of CSV has two columns {twice!r}; write jsonl")
    return names


def _named(header: list[str], row: list[str]) -> dict[str, str]:
    """Return a row's cells by their columns.

    :raises ApifyDataError: there are more or fewer of them.
    """
    if len(row) != len(header):
        raise ApifyDataError(f"a page of CSV has a row of {len(row)} cells below {len(header)} columns; write jsonl")
    return dict(zip(header, row, strict=True))


def _rows(kept: IO[bytes], page: _Page, delimiter: str) -> _Rows:
    if page.start == page.end and page.records:  # items without fields, of which Apify makes no table
        yield from [[]] * (1 + page.records)
    kept.seek(page.start)
    try:
        yield from csv.reader(_lines(kept, page.end), delimiter=delimiter)
    except csv.Error as error:
        raise ApifyDataError(f"a page of CSV cannot be read: {error}; write jsonl") from error


def _lines(kept: IO[bytes], end: int) -> Iterator[str]:
    """Cut at line feeds only: text readers also cut at U+2028 and its like, which stand inside values."""
    while kept.tell() < end:
        yield kept.readline().decode()


def _taken(text: io.StringIO) -> bytes:
    taken = text.getvalue().encode()
    text.seek(0)
    text.truncate()
    return taken
