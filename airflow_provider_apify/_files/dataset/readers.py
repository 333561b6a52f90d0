"""Readers by what they make of an answer: lines, pages, a document, a header."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from airflow_provider_apify._files.checks import Check, FirstRow, check_item, count_items
from airflow_provider_apify._files.dataset.reader import AnswerIsCapped, Reader, Take
from airflow_provider_apify._files.dataset.resuming import BodyHasChanged, new_digest, untaken
from airflow_provider_apify._files.heads import Head
from airflow_provider_apify._files.temporary import temporary_file
from airflow_provider_apify.exceptions import ApifyDataError

# What a page has more waits in a temporary file: before it is there, nothing tells how large its items are.
_KEPT_IN_MEMORY_BYTES = 2**20
_PIECE_BYTES = 2**18

MakeCheck = Callable[[Head], Check]
"""Makes what tells whether the body of an answer is whole."""


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
        self._last_line, self._asks_again = b"", False

    @property
    def _first_asked(self) -> int:
        return self.position - self._asks_again

    def _read(self, head: Head, body: Iterator[bytes]) -> int:
        before, end, size, last = self.position, self._first_asked + head.scanned, 0, b""
        if self._asks_again and head.scanned:
            body = self._behind_last_line(body)
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
            self._asks_again = self.position > before
            raise ApifyDataError(f"the page stands for {head.scanned} items but holds {head.scanned - end + came}")
        if last:
            check_item(last)
            last = last.removesuffix(b"\n") + b"\n"
            self._pass_on(last, len(last), end)
        self._asks_again = False
        return size

    def _behind_last_line(self, body: Iterator[bytes]) -> Iterator[bytes]:
        """Leave out the line that was asked for once more.

        :raises BodyHasChanged: it is another one.
        :raises ApifyDataError: it is cut.
        """
        line = newline = rest = b""
        for piece in body:
            line, newline, rest = (line + piece).partition(b"\n")
            if newline:
                break
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
