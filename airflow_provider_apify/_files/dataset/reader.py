"""What all readers share: each takes one stretch of a dataset from as many answers as it needs, nothing of it twice."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_apify._api.taking import hand_on
from airflow_provider_apify._files.heads import Head
from airflow_provider_apify.exceptions import ApifyDataError

Take = Callable[[bytes | memoryview], object]
"""Takes the next bytes of a stretch."""


@dataclass(frozen=True)
class Window:
    """The part of a dataset that is wanted; positions are counted from its beginning.

    :param offset: how many items lie before it.
    :param limit: how many items it holds at most; ``None`` for all that follow.
    """

    offset: int = 0
    limit: int | None = None

    @classmethod
    def of(cls, params: Mapping[str, Any]) -> Window:
        """Read the window out of parameters of the items endpoint."""
        return cls(params.get("offset") or 0, params.get("limit"))

    def count(self, total: int) -> int:
        """Return how many of so many items are in it."""
        behind = max(0, total - self.offset)
        return behind if self.limit is None else min(behind, self.limit)

    def request(self, position: int, end: int | None) -> dict[str, int | None]:
        """Return what to ask for, from a position of the window to the one before an end."""
        ends = [each for each in (end, self.limit) if each is not None]
        return {"offset": self.offset + position, "limit": min(ends) - position if ends else None}


class AnswerIsCapped(Exception):
    """Apify gives fewer items at once than the dataset has.

    :param scanned: items in the answer.
    :param total: items in the dataset.
    """

    def __init__(self, scanned: int, total: int) -> None:
        super().__init__(f"an answer holds {scanned} of {total} items")
        self.scanned, self.total = scanned, total


@dataclass
class Speed:
    """What an answer with items has shown of the way to Apify.

    :param items: how many it held.
    :param size: bytes, decompressed.
    :param latency: seconds until its headers were there.
    :param seconds: from then to its end, without those that the taker took.
    """

    items: int = 0
    size: int = 0
    latency: float = 0.0
    seconds: float = 0.0

    @property
    def bytes_per_second(self) -> float:
        """How fast the body came."""
        return self.size / max(self.seconds, 1e-6)


class Reader(ABC):
    """What all readers share: which items to ask for next, and how far they have come.

    :param params: of the items endpoint, by their API names; offset and limit choose the window that indices count in.
    :param start: index of the first item.
    :param end: index behind the last item; ``None`` for as many as Apify gives at once.
    :param take: takes the bytes.
    :param compressed: whether the answer may be compressed.
    :ivar position: index of the next item that is missing.
    :ivar scanned: items of the dataset that the last answer stands for; 0 at the dataset's end.
    :ivar dataset_total: items that the whole dataset had by then, as far as Apify knew.
    :ivar records: lines or rows passed on; ``None`` where the format does not tell.
    :ivar answers: how many answers had items, the broken ones included.
    """

    def __init__(
        self, params: Mapping[str, Any], start: int, end: int | None, take: Take, *, compressed: bool = False
    ) -> None:
        self._params, self._end, self._taker = params, end, take
        self._window = Window.of(params)
        self.compressed = compressed
        self.position = self._start = start
        self.scanned: int | None = None
        self.dataset_total = 0
        self.records: int | None = 0
        self.answers = 0
        self.speed = Speed()
        self._asked_at = 0.0
        self._asked: Mapping[str, int | None] = {}
        self._taker_seconds = 0.0

    @property
    def stretch(self) -> tuple[int, int | None]:
        """Indices of the next item that is missing and behind the last one; ``None`` for as many as Apify gives."""
        return self.position, self._end

    @property
    def total(self) -> int:
        """How many of these are in the window."""
        return self._window.count(self.dataset_total)

    @property
    def is_done(self) -> bool:
        """Whether the stretch has been read, or the dataset has no more."""
        if self._end is None:
            return self.scanned is not None
        return self.scanned == 0 or self.position >= self._end

    @property
    def is_last(self) -> bool:
        """Whether nothing followed the last answer when it was given."""
        return self.scanned == 0

    @property
    def progress(self) -> int:
        """A number that grows with what has been taken."""
        return self.position

    @property
    def _first_asked(self) -> int:
        """Index of the first item that the next answer is asked for."""
        return self.position

    def params(self) -> dict[str, Any] | None:
        """Return what to ask for next; ``None`` where there is nothing, as Apify takes a limit of 0 for none.

        So it is where the window has no more, and where an answer broke behind its last item.
        """
        if self.position == self._window.limit:
            self.scanned = 0
            return None
        self._asked, self._asked_at = self._window.request(self._first_asked, self._end), time.perf_counter()
        return None if self._asked["limit"] == 0 else {**self._params, **self._asked}

    def read(self, headers: Mapping[str, str], body: Iterator[bytes]) -> None:
        """Take an answer.

        :raises ApifyDataError: it is not whole, or not what was asked for; what was taken of it counts.
        :raises BodyHasChanged: what was taken is not to be trusted any more.
        :raises TakerFails: what takes the bytes has failed.
        """
        began, self._taker_seconds = time.perf_counter(), 0.0
        head, before = Head.of(headers), self.position
        self._admit(head)
        self.answers += head.scanned > 0
        size = self._read(head, body)
        self.scanned = head.scanned
        if head.scanned:
            seconds = time.perf_counter() - began - self._taker_seconds
            self.speed = Speed(self.position - before, size, began - self._asked_at, seconds)

    def end(self, position: int, records: int = 0) -> None:
        """Take note that what was asked for holds no bytes, though items may stand in its place.

        :param position: index of the item behind them.
        :param records: how many lines or rows without any cell they are.
        """
        self.scanned, self.position = position - self.position, position
        self.records = (self.records or 0) + records

    def _admit(self, head: Head) -> None:
        """Refuse what was not asked for, before anything of it is taken; learn how many items there are."""
        offset, limit = self._asked.get("offset"), self._asked.get("limit")
        if limit is not None and head.scanned > limit:
            raise ApifyDataError(f"the page stands for {head.scanned} items where {limit} were asked for")
        if head.scanned and offset is not None and head.offset not in (None, offset):
            raise ApifyDataError(
                f"the page begins at offset {head.offset} where {offset} was asked for; check any cache in between",
            )
        self.dataset_total = max(self.dataset_total, head.total or 0)

    def _take(self, piece: bytes | memoryview) -> None:
        """Pass bytes on; how long the taker takes says nothing of the way to Apify."""
        began = time.perf_counter()
        hand_on(self._taker, piece)
        self._taker_seconds += time.perf_counter() - began

    @abstractmethod
    def _read(self, head: Head, body: Iterator[bytes]) -> int:
        """Take the items of an answer, and return how many bytes they were."""
