"""A dataset as it is asked for."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from airflow_provider_apify._files.checks import LineCheck
from airflow_provider_apify._files.dataset.reader import Reader, Take, Window
from airflow_provider_apify._files.dataset.readers import LineReader, PageReader
from airflow_provider_apify._files.lost_columns import LostColumns
from airflow_provider_apify._files.query import ItemsQuery
from airflow_provider_apify.exceptions import ApifyApiError, ApifyDataError
from airflow_provider_apify.models.storages import Dataset

# Apify's error where a table would have no columns.
_NO_COLUMNS = "no-columns-in-exported-dataset"


class Api(Protocol):
    """What is asked of a hook."""

    def _read_items(
        self, dataset_id: str, reader: Reader, *, delay: float = 0.0, pause: Callable[[float], object] = time.sleep
    ) -> None:
        """Have a reader take items."""

    def get_settled_dataset(self, dataset_id: str, *, pause: Callable[[float], object] = time.sleep) -> Dataset:
        """Return a dataset's description when its counts have had time to show all items."""


@dataclass(frozen=True)
class Source:
    """A dataset's items as lines, or those of a part of it.

    :param query: which items, and in what shape; its offset and limit choose the window that indices count in.
    :param reached: is told how many items have been handed on.
    :param lost_columns: is shown what columns tables have.
    :param pause: waits so many seconds before each request; what it raises ends what goes on.
    """

    hook: Api
    dataset_id: str
    query: ItemsQuery = field(default_factory=ItemsQuery)
    reached: Callable[[int], None] | None = None
    lost_columns: LostColumns = field(default_factory=LostColumns)
    pause: Callable[[float], object] = time.sleep

    @property
    def dataset(self) -> Dataset:
        """The dataset's description, when its counts have had time to show all items."""
        return self.hook.get_settled_dataset(self.dataset_id, pause=self.pause)

    @property
    def item_count(self) -> int:
        """How many items of the window Apify counts."""
        return self.window.count(self.dataset.item_count)

    @property
    def window(self) -> Window:
        """The part of the dataset that is asked for."""
        return Window(self.query.offset or 0, self.query.limit)

    def item(self, index: int) -> tuple[bool, bytes]:
        """Return whether there is an item at an index, and its line, or lines."""
        lines: list[bytes] = []
        reader = self.read(self.reader(index, index + 1, lambda piece: lines.append(bytes(piece))))
        return reader.position > index, b"".join(lines)

    def read(self, reader: Reader, *, delay: float = 0.0) -> Reader:
        """Read one answer, or as many as a stretch of known length needs; return the reader."""
        while not reader.is_done:
            self.read_answer(reader, delay=delay)
        return reader

    def read_answer(self, reader: Reader, *, delay: float = 0.0) -> None:
        """Read one answer, unless there is nothing to ask for."""
        try:
            self.hook._read_items(self.dataset_id, reader, delay=delay, pause=self.pause)
        except ApifyApiError as error:
            if error.error_type != _NO_COLUMNS:
                raise
            reader.end(*self._without_fields(*reader.stretch))

    def _without_fields(self, start: int, end: int | None) -> tuple[int, int]:
        """Return where items end that Apify makes no table of, and how many records they are: lines show them.

        There may be none; or none of them has a field, as Apify sees them. Some that lag may have come meanwhile: these
        are to be asked for again.
        """
        position, records = start, 0
        while position != end:
            lines = self.page_reader(position, end, _refuse_fields)
            try:
                self.read_answer(lines)
            except _HasFields:
                break
            position, records = lines.position, records + (lines.records or 0)
            if lines.is_last:
                break
        return position, records

    def reader(self, start: int, end: int | None, take: Take, *, compressed: bool = False) -> Reader:
        """Return the fastest reader of lines that tells whether all of them came."""
        if self.query.keeps_every_item:
            return LineReader(self._params, start, end, take, compressed=compressed)
        return self.page_reader(start, end, take)

    def page_reader(self, start: int, end: int | None, take: Take) -> PageReader:
        """Return a reader of lines that hands on what is whole."""
        check = partial(LineCheck, counts=self.query.keeps_every_item)
        return PageReader(self._params, start, end, take, check=check)

    @property
    def _params(self) -> dict[str, Any]:
        return {**self.query.params_of_lines(), "format": "jsonl"}


class _HasFields(Exception):
    """An item could be a row of a table."""


def _refuse_fields(lines: bytes | memoryview) -> None:
    if bytes(lines).strip(b"{}\n"):
        raise _HasFields


def missing(source: Source, counted: int, came: int, what: str = "items") -> ApifyDataError:
    """Return the error that items which Apify counts did not come."""
    return ApifyDataError(f"Dataset {source.dataset_id} counts {counted} {what}, but only {came} came.")
