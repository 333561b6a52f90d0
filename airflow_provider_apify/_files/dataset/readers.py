"""Readers: each takes one stretch of a dataset from as many answers as it needs, and nothing of it twice."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from airflow_provider_apify._api.taking import hand_on
from airflow_provider_apify._files.checks import Check, FirstRow, check_item, count_items
from airflow_provider_apify._files.dataset.resuming import BodyHasChanged, new_digest, untaken
from airflow_provider_apify._files.heads import Head
from airflow_provider_apify._files.temporary import temporary_file
from airflow_provider_apify.exceptions import ApifyDataError

# What a page has more waits in a temporary file: before it is there, nothing tells how large its items are.
_KEPT_IN_MEMORY_BYTES = 2**20
_PIECE_BYTES = 2**18

Take = Callable[[bytes | memoryview], object]
"""Takes the next bytes of a stretch."""
MakeCheck = Callable[[Head], Check]
"""Makes what tells whether the body of an answer is whole."""


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
    :ivar answers: how many answers had items, the broken ones included.
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
        self.answers = 0
        self.speed = Speed()
        self._asked_at = 0.0
        self._asked: Mapping[str, int | None] = {}
        self._asked_again = 0
        self._target_seconds = 0.0

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

    def params(self) -> dict[str, Any] | None:
        """Return what to ask for next; ``None`` where there is nothing, as Apify takes a limit of 0 for none.

        So it is where the window has no more, and where an answer broke behind its last item.
        """
        if self.position == self._window.limit:
            self.scanned = 0
            return None
        first = self.position - self._asked_again
        self._asked, self._asked_at = self._window.request(first, self._end), time.perf_counter()
        return None if self._asked["limit"] == 0 else {**self._params, **self._asked}

    def read(self, headers: Mapping[str, str], body: Iterator[bytes]) -> None:
        """Take an answer.

        :raises ApifyDataError: it is not whole, or not what was asked for; what was taken of it counts.
        :raises BodyHasChanged: what was taken is not to be trusted any more.
        :raises TakerFails: what takes the bytes has failed.
        """
        began, self._target_seconds = time.perf_counter(), 0.0
        head, before = Head.of(headers), self.position
        self._admit(head)
        self.answers += head.scanned > 0
        size = self._read(head, body)
        self.scanned = head.scanned
        if head.scanned:
            seconds = time.perf_counter() - began - self._target_seconds
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
        """Pass bytes on; what the target takes for that says nothing of the way to Apify."""
        began = time.perf_counter()
        hand_on(self._target, piece)
        self._target_seconds += time.perf_counter() - began

    @abstractmethod
    def _read(self, head: Head, body: Iterator[bytes]) -> int:
        """Take the items of an answer, and return how many bytes they were."""


class LineReader(Reader):
    """Passes lines on as they come. Each is an item: where a body breaks, the next answer begins with the next item.

    The last line is passed on when the next one comes, or when there are as many as the answer stands for: what a
    server writes where it fails is no item, though it may look like one.

    Where an answer came whole and holds fewer items than it stands for, nothing says which are missing. So the last one
    of them is asked for once more: if it is another one then, what was taken was not the beginning.
    """

    def __init__(
        self, params: Mapping[str, Any], start: int, end: int | None, take: Take, *, compressed: bool = False
    ) -> None:
        super().__init__(params, start, end, take, compressed=compressed)
        self._last_line = b""

    def _read(self, head: Head, body: Iterator[bytes]) -> int:
        end, size, last = self.position - self._asked_again + head.scanned, 0, b""
        if self._asked_again and head.scanned:
            body = self._behind_last_line(body)
        before = self.position
        for piece in body:
            size += len(piece)
            if last.endswith(b"\n"):
                self._pass_on(last, len(last), end)
                last = b""
            last_begins = piece.rfind(b"\n", 0, -1) + 1
            if last_begins:
                self._pass_on(piece, last_begins, end, last)
                last = piece[last_begins:]
            else:
                last += piece
        came = self.position + bool(last)
        if came < end:
            self._asked_again = int(self.position > before)
            raise ApifyDataError(f"the page stands for {head.scanned} items but holds {head.scanned - end + came}")
        if last:
            check_item(last)
            last = last.removesuffix(b"\n") + b"\n"
            self._pass_on(last, len(last), end)
        self._asked_again = 0
        return size

    def _behind_last_line(self, body: Iterator[bytes]) -> Iterator[bytes]:
        """Leave out the line that was asked for once more.

        :raises BodyHasChanged: it is another one.
        :raises ApifyDataError: it is cut.
        """
        line = b""
        for piece in body:
            line, newline, rest = (line + piece).partition(b"\n")
            if newline:
                break
        else:
            newline = b""
        if line.rstrip() != self._last_line.rstrip():
            if newline:
                raise BodyHasChanged("a page that held too few items was not the beginning of what it stands for")
            raise ApifyDataError("the page ends in the middle of an item")
        yield rest
        yield from body

    def _pass_on(self, piece: bytes, size: int, end: int, before: bytes = b"") -> None:
        """Pass lines on.

        :param piece: they are its first bytes.
        :param size: how many.
        :param end: index behind the last item that the answer stands for.
        :param before: how the first line begins.
        :raises BodyHasChanged: these are more items than the answer stands for, so that one of them is none.
        """
        count = count_items(piece, size, before)
        if self.position + count > end:
            raise BodyHasChanged("a page held more items than it stands for")
        if before:
            self._take(before)
        self._take(memoryview(piece)[:size])
        begin = piece.rfind(b"\n", 0, size - 1) + 1
        self._last_line = piece[begin:size] if begin else before + piece[:size]
        self.position += count
        self.records = self.position - self._start


class PageReader(Reader):
    """Keeps each answer back until it is whole: where items are filtered, a piece does not tell how far it reaches.

    :param check: makes what tells whether a body is whole.
    """

    def __init__(
        self,
        params: Mapping[str, Any],
        start: int,
        end: int | None,
        take: Take,
        *,
        check: MakeCheck,
    ) -> None:
        # A compressed body that ends early looks whole, and where items are filtered nothing else would tell.
        super().__init__(params, start, end, take, compressed=False)
        self._make_check = check

    def _read(self, head: Head, body: Iterator[bytes]) -> int:
        check = self._make_check(head)
        with temporary_file(_KEPT_IN_MEMORY_BYTES) as kept:
            for piece in body:
                check.add(piece)
                kept.write(piece)
            kept.write(check.ending())
            size = kept.tell()
            kept.seek(0)
            while piece := kept.read(_PIECE_BYTES):
                self._take(piece)
        self.records = (self.records or 0) + (check.records or 0)
        self.position += head.scanned
        return size


class DocumentReader(Reader):
    """Passes one whole answer on as it comes. Where the body breaks it is sent anew, and what was taken is skipped.

    :meth:`read` raises :class:`BodyHasChanged` where that is not the same: the
    file must begin anew.

    :param check: makes what tells whether a body is whole.
    :param counted: how many items there are at least; where an answer has fewer, nothing of it is taken.
    """

    def __init__(self, params: Mapping[str, Any], take: Take, *, check: MakeCheck, counted: int = 0) -> None:
        super().__init__(params, 0, None, take)
        self._make_check, self._counted = check, counted
        self._taken, self._digest, self._begun = 0, new_digest(), 0

    @property
    def is_last(self) -> bool:
        """Always: what is added after an answer is left to the next file."""
        return True

    @property
    def progress(self) -> int:
        """How many bytes have been taken."""
        return self._taken

    def end(self, position: int, records: int = 0) -> None:
        """Do what :meth:`Reader.end` does.

        :raises BodyHasChanged: bytes of what is said to hold none were taken.
        """
        if self._taken:
            raise BodyHasChanged("a body that was read again is not there any more")
        super().end(position, records)

    def _admit(self, head: Head) -> None:
        if self._taken:
            if head.scanned < self._begun:
                raise BodyHasChanged("a document that was read again held fewer items")
            super()._admit(replace(head, total=None))  # what was added since the beginning is left to the next file
            return
        super()._admit(head)
        if head.scanned < max(self.total, self._counted):
            raise AnswerIsCapped(head.scanned, self.dataset_total)
        self._begun = head.scanned

    def _read(self, head: Head, body: Iterator[bytes]) -> int:
        check = self._make_check(head)
        for piece in untaken(body, self._taken, self._digest, check):
            self._pass_on(piece)
            # Where it breaks, it is asked for again as it was, though more items may follow.
            self._end = head.scanned or None
        self._pass_on(check.ending())
        self.records, self.position = check.records, head.scanned
        return self._taken

    def _pass_on(self, piece: bytes) -> None:
        if piece:
            self._take(piece)
            self._digest.update(piece)
            self._taken += len(piece)


class HeaderReader(Reader):
    """Looks how many columns a table has as CSV, and leaves the rest of it where it is.

    :ivar columns: how many.
    """

    def __init__(self, params: Mapping[str, Any]) -> None:
        super().__init__(params, 0, None, lambda _piece: None)
        self.columns = 0

    def _read(self, head: Head, body: Iterator[bytes]) -> int:
        header = FirstRow()
        for piece in body:
            header.add(piece)
            if header.is_over:
                break
        self.columns, self.position = header.cells, head.scanned
        return 0
