"""A dataset as an export asks for it, and where it ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_apify.exceptions import ApifyDataError
from airflow_provider_apify.export.checks import LineCheck
from airflow_provider_apify.export.reading import LineReader, PageReader, Reader, Take, Window

if TYPE_CHECKING:
    from airflow_provider_apify.hooks.apify import ApifyHook

# A dataset's items and counts may lag up to 5 seconds behind each other.
LAG_LOOKS = 6
LAG_PAUSE_SECONDS = 1.0


@dataclass(frozen=True)
class Source:
    """A dataset's items as lines, or those of a window of it.

    :param params: of the items endpoint, by their API names; offset and limit choose the window that indices count in.
    :param exact: whether each item becomes exactly one line.
    :param steady: whether an offset means the same item while the dataset grows.
    :param reached: is told how many items have been handed on.
    :param pause: waits so many seconds before each request; what it raises ends what goes on.
    """

    hook: ApifyHook
    dataset_id: str
    params: Mapping[str, Any]
    exact: bool = True
    steady: bool = True
    reached: Callable[[int], None] | None = None
    pause: Callable[[float], object] = time.sleep

    @property
    def item_count(self) -> int:
        """How many items Apify counts, when the count has had time to show all."""
        return self.window.count(self.dataset_count)

    @property
    def dataset_count(self) -> int:
        """The same of the whole dataset."""
        return self.hook.count_settled_items(self.dataset_id, pause=self.pause)

    @property
    def window(self) -> Window:
        """The part of the dataset that is asked for."""
        return Window.of(self.params)

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
        self.hook.read_items(self.dataset_id, reader, delay=delay, pause=self.pause)

    def reader(self, start: int, end: int | None, take: Take, *, compressed: bool = False) -> Reader:
        """Return a reader of lines that suits the parameters."""
        params = {**self.params, "format": "jsonl", "bom": None}
        if self.exact:
            return LineReader(params, start, end, take, compressed=compressed)
        # A compressed body that ends early looks whole, and here nothing else would tell.
        return PageReader(params, start, end, take, check=LineCheck, exact=False)


class End:
    """Where a dataset ends: behind an empty answer, unless Apify counts items that it does not show yet.

    :param counted: what Apify has counted for the first look, where it was asked already.
    """

    def __init__(self, source: Source, counted: int | None = None) -> None:
        self._source, self._counted = source, counted
        self._position, self._looks = -1, 0

    def is_at(self, position: int) -> bool:
        """Tell whether there is nothing behind a position where nothing came; if not, pause and ask again.

        :raises ApifyDataError: it has been asked for often enough.
        """
        counted = self._source.item_count if self._counted is None else self._counted
        self._counted = None
        self._looks = self._looks + 1 if position == self._position else 1
        self._position = position
        if counted > position and self._looks > LAG_LOOKS:
            raise missing(self._source, counted, position)
        return counted <= position


def missing(source: Source, counted: int, came: int) -> ApifyDataError:
    """Return the error that items which Apify counts did not come."""
    return ApifyDataError(f"Dataset {source.dataset_id} counts {counted} items, but only {came} came.")
