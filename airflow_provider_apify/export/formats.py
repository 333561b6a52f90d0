"""How the pages of a dataset become one file of a format."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol

from airflow_provider_apify.export.pages import LineCounter, Page, RowCounter
from airflow_provider_apify.export.target import TargetFile

_TEXT_CHARACTERS = 2**20


class Join(Protocol):
    """Writes pages, in order, as one file."""

    def __call__(self, pages: Iterable[Page], file: TargetFile, /) -> int:
        """Write and close all pages; return how many records they held."""


@dataclass(frozen=True)
class Format:
    """One format of the target.

    :param name: as a task names it.
    :param params: what is asked of Apify.
    :param counter: counts the records of a page.
    :param join: writes the pages.
    :param paged: whether the dataset is asked for in pages; else in as few answers as Apify gives.
    """

    name: str
    params: Mapping[str, Any]
    counter: type[LineCounter | RowCounter]
    join: Join
    paged: bool


def join_lines(pages: Iterable[Page], file: TargetFile) -> int:
    """Write the pages one behind the other."""
    records = 0
    for page in pages:
        with page:
            records += page.records
            for piece in page.pieces():
                file.write(piece)
    return records


def join_array(pages: Iterable[Page], file: TargetFile) -> int:
    """Write the lines as one JSON array, an item a line, without parsing them: JSON text holds no bare line break."""
    records, before = 0, b"[\n"
    for page in pages:
        with page:
            records += page.records
            for piece in page.pieces():
                # The break at the end of a piece becomes a comma only when another line follows.
                lines = piece.removesuffix(b"\n")
                file.write(before + lines.replace(b"\n", b",\n"))
                before = b"" if lines == piece else b",\n"
    file.write(b"\n]\n" if records else b"[]\n")
    return records


def join_tables(pages: Iterable[Page], file: TargetFile) -> int:
    """Write CSV with one header.

    Apify computes the columns of each answer from its own items. One answer is copied as it is; where there are more,
    their columns are united in order of appearance and the rows written anew.
    """
    with ExitStack() as stack:
        kept = [stack.enter_context(page) for page in pages]
        if len(kept) <= 1:
            return join_lines(kept, file)
        _unite(kept, file)
        return sum(page.records for page in kept)


def _unite(pages: Sequence[Page], file: TargetFile) -> None:
    columns: dict[str, None] = {}
    for page in pages:
        columns.update(dict.fromkeys(next(_rows(page), ())))
    text = io.StringIO(newline="")
    # With this line break, which is RFC 4180's, Python quotes a lone carriage return too.
    writer = csv.DictWriter(text, list(columns), restval="", lineterminator="\r\n")
    writer.writeheader()
    for page in pages:
        rows = _rows(page)
        header = next(rows, [])
        for row in rows:
            writer.writerow(dict(zip(header, row or [""], strict=True)))
            if text.tell() > _TEXT_CHARACTERS:
                file.write(_take(text))
    file.write(_take(text))


def _rows(page: Page) -> Iterator[list[str]]:
    # Cut at line feeds only: text readers also cut at U+2028 and its like, which stand inside values.
    return csv.reader(line.decode() for line in page.open())


def _take(text: io.StringIO) -> bytes:
    taken = text.getvalue().encode()
    text.seek(0)
    text.truncate()
    return taken


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        "jsonl": Format("jsonl", {"format": "jsonl"}, LineCounter, join_lines, paged=True),
        "json": Format("json", {"format": "jsonl"}, LineCounter, join_array, paged=True),
        # A byte order mark helps some spreadsheets and breaks most loaders.
        "csv": Format("csv", {"format": "csv", "bom": False}, RowCounter, join_tables, paged=False),
    },
)


def format_of(path: str, chosen: str | None) -> Format:
    """Return the format that is chosen, else the one that the path's ending names.

    :raises ValueError: no such format.
    """
    name = (chosen or path.rpartition(".")[2]).lower()
    if name not in FORMATS:
        known = ", ".join(FORMATS)
        raise ValueError(f"{name!r} is no format of a file. Give file_format as one of {known}, or end the path so.")
    return FORMATS[name]
