"""Whether a body is whole and holds what it should, told by its content.

HTTP libraries do not notice every body that ends early. What a check can tell is said in its docstring; the headers of
an answer (:mod:`~airflow_provider_apify._files.heads`) say the rest: which items it stands for, and where it ends.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from io import BytesIO
from operator import itemgetter
from typing import Protocol

from airflow_provider_apify._files.heads import Head
from airflow_provider_apify.exceptions import ApifyDataError

BOM = b"\xef\xbb\xbf"
"""What some text files begin with, so that programs know their encoding."""
# More of it is not expected behind a document.
_WHITE_SPACE = 16
_SHOWN_BYTES = 40
# Below so many bytes, looking at each line takes longer than looking at each byte twice.
_LONG_LINE_BYTES = 150
_SAMPLE_BYTES = 6_000
_LAST_TWO = itemgetter(slice(-2, None))
# It begins with what is looked for: that is quicker than to look at each byte for what stands before it.
_NO_ITEM = re.compile(rb"\n(?<!}\n)")


class Check(Protocol):
    """Looks at a body while it passes."""

    @property
    def records(self) -> int | None:
        """How many items have passed; ``None`` where the format does not tell."""

    def add(self, piece: bytes, /) -> None:
        """Look at the next bytes."""

    def ending(self) -> bytes:
        """Return what completes the body.

        :raises ApifyDataError: it is cut.
        """


class LineCheck:
    """Count the lines of JSON Lines. Tells a line that is no item, a last one that is cut, and items that are missing.

    Where items are filtered, only HTTP tells that whole lines are missing at the end.

    :param head: of the answer.
    :param counts: whether each item of the dataset is a line.
    :raises ApifyDataError: nothing will tell whether the body is whole.
    """

    def __init__(self, head: Head, *, counts: bool) -> None:
        self._scanned = head.scanned if counts else None
        if not counts:
            _demand_end(head)
        self.records = 0
        self._open_line = b""

    def add(self, piece: bytes) -> None:
        """Count what ends here; keep the beginning of the line that goes on."""
        end = piece.rfind(b"\n") + 1
        if not end:
            self._open_line += piece
            return
        self.records += count_items(piece, end, self._open_line)
        self._open_line = piece[end:]

    def ending(self) -> bytes:
        """Return the line break that the last line lacks, so that another page can follow."""
        if self._open_line:
            check_item(self._open_line)
            self.records += 1
        _compare(self._scanned, self.records)
        return b"\n" if self._open_line else b""


class RowCheck:
    """Count the rows of CSV below its header; line breaks inside quotes are part of a row.

    Tells a row that has more or fewer cells than the first, a row that is cut inside quotes, and rows that are missing.
    A last row without a line break may be cut inside its last cell: only HTTP tells. So it does of rows that are
    missing where items are filtered. Cells are not counted where the delimiter is no ASCII character.

    :param head: of the answer.
    :param counts: whether each item of the dataset is a row.
    :param has_header: whether the first row names the columns.
    :param first_row: is shown the beginning, and knows the delimiter.
    :raises ApifyDataError: nothing will tell whether the body is whole.
    """

    def __init__(self, head: Head, *, counts: bool, has_header: bool = True, first_row: FirstRow | None = None) -> None:
        self._head, self._scanned = head, head.scanned if counts else None
        self._first_row = first_row or FirstRow()
        if not counts:
            _demand_end(head)
        self._rows = -1 if has_header else 0
        delimiter = self._first_row.delimiter
        self._between = delimiter if len(delimiter) == 1 else b""
        # One look at each byte leaves what rows are told by: that is as fast as counting their line breaks.
        self._values = bytes(set(range(256)).difference(b'\n"', self._between))
        self._inside_quotes = 0
        self._open_row = b""
        self._beginning = b""
        self._ends_open = False

    @property
    def records(self) -> int:
        """Rows so far, without the header."""
        return max(0, self._rows)

    def add(self, piece: bytes) -> None:
        """Count the rows that end here, by what of them is outside of quotes."""
        self._first_row.add(piece)
        parts = piece.translate(None, self._values).split(b'"')
        rows = self._open_row + b"".join(parts[self._inside_quotes :: 2])
        self._inside_quotes ^= (len(parts) - 1) & 1
        end = rows.rfind(b"\n") + 1
        self._add_rows(rows[:end])
        self._open_row = rows[end:]
        if len(self._beginning) <= len(BOM):
            self._beginning += piece[: len(BOM) + 1]
        self._ends_open = not piece.endswith(b"\n")

    def _add_rows(self, rows: bytes) -> None:
        """Count rows that are left with delimiters and line breaks.

        :raises ApifyDataError: one has more or fewer cells than the first.
        """
        cells, count = self._first_row.cells, rows.count(b"\n")
        if rows != (self._between * (cells - 1) + b"\n") * count:
            other = next(len(row) + 1 for row in rows.split(b"\n") if len(row) + 1 != cells)
            raise ApifyDataError(
                f"the page has a row of {other} cells, but its first row has {cells}; check any proxy in between"
            )
        self._rows += count

    def ending(self) -> bytes:
        """Return the line break that the last row lacks."""
        if self._inside_quotes:
            raise ApifyDataError("the page ends in the middle of a row")
        ends_open = self._ends_open and self._beginning != BOM
        if ends_open:
            _demand_end(self._head)
            self._add_rows(self._open_row + b"\n")
        _compare(self._scanned, self.records)
        return b"\n" if ends_open else b""


class FirstRow:
    """Counts the cells of the first row of CSV.

    :param delimiter: what stands between two.
    :param tell: is told how many there are when the row is over.
    """

    def __init__(self, delimiter: str = ",", tell: Callable[[int], object] = lambda _cells: None) -> None:
        self.delimiter, self._tell = delimiter.encode(), tell
        self._inside_quotes = 0
        self.cells = 1
        self.is_over = False

    def add(self, piece: bytes) -> None:
        """Count the delimiters outside of quotes, up to the first line break outside of them."""
        if self.is_over:
            return
        parts = piece.split(b'"')
        for part in parts[self._inside_quotes :: 2]:
            row, line_break, _ = part.partition(b"\n")
            self.cells += row.count(self.delimiter)
            if line_break:
                self.is_over = True
                self._tell(self.cells)
                return
        self._inside_quotes ^= (len(parts) - 1) & 1


class EndCheck:
    """Look for the bytes that a whole body ends with, such as a closing tag. Tells a body that is cut.

    :param endings: one of these, but for white space behind it.
    :param behind: how many bytes follow them, where not white space does.
    :param records: how many items are in it, where that is known.
    """

    def __init__(self, *endings: bytes, behind: int = 0, records: int | None = None) -> None:
        self._endings, self._behind = endings, behind
        self._kept = max(map(len, endings)) + max(behind, _WHITE_SPACE)
        self._last = b""
        self.records = records

    def add(self, piece: bytes) -> None:
        """Keep the last bytes."""
        self._last = (self._last + piece[-self._kept :])[-self._kept :]

    def ending(self) -> bytes:
        """Return nothing: a document is complete or it is not."""
        last = self._last[: -self._behind] if self._behind else self._last.rstrip()
        if not last.endswith(self._endings):
            raise ApifyDataError("the body ends in the middle of the document")
        return b""


def count_items(piece: bytes, end: int, before: bytes = b"") -> int:
    """Return how many lines there are, each of which is an item.

    :param piece: lines, and what follows them: nothing, or one line that is not looked at.
    :param end: where they end.
    :param before: how the first of them begins.
    :raises ApifyDataError: one of them is something else, such as a line of an error page.
    """
    if piece.count(b"\n", 0, _SAMPLE_BYTES) * _LONG_LINE_BYTES <= _SAMPLE_BYTES:
        # Few and long: one look at how each ends is as fast as counting their line breaks.
        endings = Counter(map(_LAST_TWO, BytesIO(piece)))
        endings[piece[end:][-2:]] -= end < len(piece)
        count = endings.total()
        are_items = endings[b"}\n"] == count
    else:
        count = piece.count(b"\n", 0, end)
        are_items = not _NO_ITEM.search(piece, 0, end)
    if not are_items:
        for line in (before + piece[:end]).split(b"\n")[:-1]:
            if not line.endswith(b"}"):
                check_item(line)
    return count


def check_item(line: bytes) -> None:
    """Make sure that a line is a whole item.

    :raises ApifyDataError: it is cut, or something else.
    """
    try:
        is_item = isinstance(json.loads(line), dict | list)
    except ValueError:
        is_item = False
        if line.startswith((b"{", b"[")):
            raise ApifyDataError("the page ends in the middle of an item") from None
    if not is_item:
        shown = line[:_SHOWN_BYTES].decode(errors="replace")
        raise ApifyDataError(f"the page has a line that is no item: {shown!r}; check any proxy in between")


def _demand_end(head: Head) -> None:
    """Make sure that HTTP tells where a body ends, where a cut would show nowhere else.

    :raises ApifyDataError: its end is that of the connection, or compression hides it.
    """
    if not head.has_end:
        raise ApifyDataError(
            "nothing tells whether the page is whole; a proxy in between has taken its length, or compressed it. "
            "The items themselves tell in jsonl without filters (clean, skip_empty, unwind, ...)",
        )


def _compare(scanned: int | None, came: int) -> None:
    if scanned is not None and came != scanned:
        raise ApifyDataError(f"the page stands for {scanned} items but holds {came}")
