"""Whether a body is whole, told by its content: HTTP libraries do not notice every body that ends early."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Protocol

from airflow_provider_apify.exceptions import ApifyDataError

_BOM = b"\xef\xbb\xbf"
# More of it is not expected behind a document.
_WHITE_SPACE = 16


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
    """Count the lines of JSON Lines."""

    def __init__(self) -> None:
        self.records = 0
        self._open_line = b""

    def add(self, piece: bytes) -> None:
        """Count what ends here; keep the beginning of the line that goes on."""
        self.records += piece.count(b"\n")
        self._open_line = piece.rpartition(b"\n")[2] if b"\n" in piece else self._open_line + piece

    def ending(self) -> bytes:
        """Return the line break that the last line lacks, so that another page can follow."""
        if not self._open_line:
            return b""
        check_item(self._open_line)
        self.records += 1
        return b"\n"


class RowCheck:
    """Count the rows of CSV below its header; line breaks inside quotes are part of a row.

    :param has_header: whether the first row names the columns.
    """

    def __init__(self, *, has_header: bool = True) -> None:
        self._rows = -1 if has_header else 0
        self._inside_quotes = 0
        self._beginning = b""
        self._ends_open = False

    @property
    def records(self) -> int:
        """Rows so far, without the header."""
        return max(0, self._rows)

    def add(self, piece: bytes) -> None:
        """Count the line breaks outside of quotes."""
        if b'"' in piece:
            parts = piece.split(b'"')
            self._rows += sum(part.count(b"\n") for part in parts[self._inside_quotes :: 2])
            self._inside_quotes ^= (len(parts) - 1) & 1
        elif not self._inside_quotes:
            self._rows += piece.count(b"\n")
        if len(self._beginning) <= len(_BOM):
            self._beginning += piece[: len(_BOM) + 1]
        self._ends_open = not piece.endswith(b"\n")

    def ending(self) -> bytes:
        """Return the line break that the last row lacks."""
        if self._inside_quotes:
            raise ApifyDataError("the page ends in the middle of a row")
        if not self._ends_open or self._beginning == _BOM:
            return b""
        self._rows += 1
        return b"\n"


class EndCheck:
    """Look for the bytes that a whole body ends with, such as a closing tag.

    :param endings: one of these, but for white space behind it.
    :param behind: how many bytes follow them, where not white space does.
    """

    records = None

    def __init__(self, *endings: bytes, behind: int = 0) -> None:
        self._endings, self._behind = endings, behind
        self._kept = max(map(len, endings)) + max(behind, _WHITE_SPACE)
        self._last = b""

    def add(self, piece: bytes) -> None:
        """Keep the last bytes."""
        self._last = (self._last + piece[-self._kept :])[-self._kept :]

    def ending(self) -> bytes:
        """Return nothing: a document is complete or it is not."""
        last = self._last[: -self._behind] if self._behind else self._last.rstrip()
        if not last.endswith(self._endings):
            raise ApifyDataError("the body ends in the middle of the document")
        return b""


def check_frame(headers: Mapping[str, str]) -> None:
    """Make sure that HTTP tells where a body ends: where items are filtered, a cut between two shows nowhere else.

    :param headers: of the answer, with names in lower case.
    :raises ApifyDataError: its end is that of the connection, or compression hides it.
    """
    if "content-encoding" in headers or not ("content-length" in headers or "transfer-encoding" in headers):
        raise ApifyDataError(
            "nothing tells whether the page is whole; a proxy in between has taken its length, or compressed it. "
            "Without filters (clean, skip_empty, unwind, ...) the items themselves tell",
        )


def check_item(line: bytes) -> None:
    """Make sure that a line is a whole item.

    :raises ApifyDataError: it is cut.
    """
    try:
        json.loads(line)
    except ValueError:
        raise ApifyDataError("the page ends in the middle of an item") from None
