"""Readers: each takes one stretch of a dataset from as many answers as it needs, and nothing of it twice."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_apify.exceptions import ApifyDataError
from airflow_provider_apify.export.bodies import new_digest, untaken
from airflow_provider_apify.export.checks import Check, check_frame, check_item
from airflow_provider_apify.export.temporary import temporary_file

SCANNED = "x-apify-pagination-count"
TOTAL = "x-apify-pagination-total"
# What a page has more waits in a temporary file: before it is there, nothing tells how large its items are.
_KEPT_IN_MEMORY_BYTES = 2**20
_PIECE_BYTES = 2**18

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
    :param seconds: from then to its end, without those that the target took.
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
    """

    def __init__(
        self, params: Mapping[str, Any], start: int, end: int | None, take: Take, *, compressed: bool = False
    ) -> None:
        self._params, self._end, self._target = params, end, take
        self._window = Window.of(params)
        self.compressed = compressed
        self.position = self._start = start
        self.scanned: int | None = None
        self.dataset_total = 0
        self.records: int | None = 0
        self.speed = Speed()
        self._asked_at = 0.0
        self._asked_for: int | None = None
        self._target_seconds = 0.0

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
    def progress(self) -> int:
        """A number that grows with what has been taken."""
        return self.position

    def params(self) -> dict[str, Any] | None:
        """Return what to ask for next; ``None`` where there is nothing, as Apify takes a limit of 0 for none.

        So it is where the window has no more, and where an answer broke behind its last item.
        """
        if self.position == self._window.limit:
            self.scanned = 0
            return None
        request = self._window.request(self.position, self._end)
        self._asked_at, self._asked_for = time.perf_counter(), request["limit"]
        return None if self._asked_for == 0 else {**self._params, **request}

    def read(self, headers: Mapping[str, str], body: Iterator[bytes]) -> None:
        """Take an answer.

        :raises ApifyDataError: it is not whole; what was taken of it counts.
        """
        began, self._target_seconds = time.perf_counter(), 0.0
        scanned, before = _told(headers, SCANNED), self.position
        size = self._read(headers, scanned, body)
        self.scanned, self.dataset_total = scanned, _told(headers, TOTAL, 0)
        if scanned:
            seconds = time.perf_counter() - began - self._target_seconds
            self.speed = Speed(self.position - before, size, began - self._asked_at, seconds)

    def _take(self, piece: bytes | memoryview) -> None:
        """Pass bytes on; what the target takes for that says nothing of the way to Apify."""
        began = time.perf_counter()
        self._target(piece)
        self._target_seconds += time.perf_counter() - began

    @abstractmethod
    def _read(self, headers: Mapping[str, str], scanned: int, body: Iterator[bytes]) -> int:
        """Take the items of an answer, and return how many bytes they were."""


class LineReader(Reader):
    """Passes lines on as they come. Each is an item: where a body breaks, the next answer begins with the next item."""

    def _read(self, headers: Mapping[str, str], scanned: int, body: Iterator[bytes]) -> int:  # noqa: ARG002 - others do
        before, size, open_line = self.position, 0, b""
        if self._asked_for is not None and scanned > self._asked_for:
            raise ApifyDataError(f"the page stands for {scanned} items where {self._asked_for} were asked for")
        for piece in body:
            size += len(piece)
            end = piece.rfind(b"\n") + 1
            if not end:
                open_line += piece
                continue
            if open_line:
                self._take(open_line)
            self._take(memoryview(piece)[:end])
            self._count(piece.count(b"\n"))
            open_line = piece[end:]
        if open_line:
            check_item(open_line)
            self._take(open_line + b"\n")
            self._count(1)
        came = self.position - before
        if came != scanned:
            raise ApifyDataError(f"the page stands for {scanned} items but holds {came}")
        return size

    def _count(self, lines: int) -> None:
        self.position += lines
        self.records = self.position - self._start


class PageReader(Reader):
    """Keeps each answer back until it is whole: where items are filtered, a piece does not tell how far it reaches.

    :param check: makes what tells whether a body is whole.
    :param exact: whether each item becomes a record.
    """

    def __init__(
        self,
        params: Mapping[str, Any],
        start: int,
        end: int | None,
        take: Take,
        *,
        check: Callable[[], Check],
        exact: bool,
        compressed: bool = False,
    ) -> None:
        super().__init__(params, start, end, take, compressed=compressed)
        self._check, self._exact = check, exact

    def _read(self, headers: Mapping[str, str], scanned: int, body: Iterator[bytes]) -> int:
        if not self._exact:
            check_frame(headers)
        check = self._check()
        with temporary_file(_KEPT_IN_MEMORY_BYTES) as kept:
            for piece in body:
                check.add(piece)
                kept.write(piece)
            kept.write(check.ending())
            if self._exact and check.records != scanned:
                raise ApifyDataError(f"the page stands for {scanned} items but holds {check.records}")
            size = kept.tell()
            kept.seek(0)
            while piece := kept.read(_PIECE_BYTES):
                self._take(piece)
        self.records = (self.records or 0) + (check.records or 0)
        self.position += scanned
        return size


class DocumentReader(Reader):
    """Passes one whole answer on as it comes. Where the body breaks it is sent anew, and what was taken is skipped.

    :meth:`read` raises :class:`~airflow_provider_apify.export.bodies.BodyHasChanged` where that is not the same: the
    file must begin anew.

    :param check: makes what tells whether a body is whole.
    :param exact: whether each item becomes a record.
    """

    def __init__(
        self,
        params: Mapping[str, Any],
        take: Take,
        *,
        check: Callable[[], Check],
        exact: bool,
        compressed: bool = False,
    ) -> None:
        super().__init__(params, 0, None, take, compressed=compressed)
        self._make_check, self._exact = check, exact
        self._taken, self._digest = 0, new_digest()

    @property
    def progress(self) -> int:
        """How many bytes have been taken."""
        return self._taken

    def _read(self, headers: Mapping[str, str], scanned: int, body: Iterator[bytes]) -> int:
        total = self._window.count(_told(headers, TOTAL, self._window.offset + scanned))
        if scanned < total and not self._taken:
            raise AnswerIsCapped(scanned, total)
        if self._end is None and scanned:
            self._end = scanned  # where the body breaks, it is asked for again as it was, though more items may follow
        check = self._make_check()
        if not self._exact and check.records is not None:
            check_frame(headers)
        for piece in untaken(body, self._taken, self._digest, check):
            self._pass_on(piece)
        ending = check.ending()
        if self._exact and check.records not in (None, scanned):
            raise ApifyDataError(f"the body stands for {scanned} items but holds {check.records}")
        self._pass_on(ending)
        self.records = scanned if check.records is None and self._exact else check.records
        self.position = scanned
        return self._taken

    def _pass_on(self, piece: bytes) -> None:
        if piece:
            self._take(piece)
            self._digest.update(piece)
            self._taken += len(piece)


def _told(headers: Mapping[str, str], name: str, default: int | None = None) -> int:
    """Return the count that a header tells.

    :param default: where there is no such header.
    :raises ApifyDataError: there is none and must be, or it is no number.
    """
    text = headers.get(name, "" if default is None else str(default))
    if text.isdecimal():
        return int(text)
    problem = f"the header {name} of the page is no number, but {text[:40]!r}" if text else "the page is not Apify's"
    raise ApifyDataError(f"{problem}; check the connection's host and any proxy in between")
