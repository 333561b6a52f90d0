"""Items of a stored file, as JSON texts."""

from __future__ import annotations

import codecs
import csv
import json
import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NoReturn

from airflow_provider_apify._api.filling import MAX_BATCH_BYTES
from airflow_provider_apify._cells import long_cells

_MAX_ITEM_BYTES = MAX_BATCH_BYTES - len(b"[]")
_NO_OBJECT = "an item is a JSON object, and this is none."
_BEGINNING = re.compile(r"[ \t\r\n]*")


def _refuse_constant(name: str) -> NoReturn:
    raise json.JSONDecodeError(f"{name} is no JSON number", "", 0)


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)

Read = Callable[[Iterator[bytes]], Iterator[bytes]]
"""Makes items of the bytes of a file; raises ``ValueError`` that names the line where it cannot."""
FORMATS = ("jsonl", "json", "csv")


def reader_of(file_format: str, delimiter: str | None) -> Read:
    """Return what reads a format.

    :param delimiter: between the cells of CSV; ``None`` for a comma.
    :raises ValueError: a delimiter that is none, or for another format.
    """
    if delimiter is not None and file_format != "csv":
        raise ValueError(f"delimiter is for csv only, but the file is {file_format}.")
    if delimiter is not None and len(delimiter) != 1:
        raise ValueError(f"delimiter is {delimiter!r}. It must be one character.")
    if file_format == "csv":
        return partial(read_table, delimiter or ",")
    return read_lines if file_format == "jsonl" else read_array


def read_lines(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the items of JSON Lines, as they stand there; empty lines are left out."""
    for number, line in enumerate(_lines(pieces), 1):
        text = line.strip()
        if text:
            yield _checked(text, f"line {number}")


def read_array(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the items of one JSON array, as they stand there."""
    try:
        yield from _Array(codecs.iterdecode(pieces, "utf-8-sig")).items()
    except UnicodeDecodeError as error:
        raise ValueError(f"it is not UTF-8: {error}.") from None


def read_table(delimiter: str, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield an item for each row of CSV; its fields are the names in the first row, its values are text."""
    lines = (line.decode() for line in _lines(pieces))
    try:
        with long_cells():
            yield from _rows(csv.reader(lines, delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise ValueError(f"it is no CSV: {error}.") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"it is not UTF-8: {error}.") from None


def _rows(reader: Any) -> Iterator[bytes]:
    names: list[str] = next(reader, [])
    if len(set(names)) != len(names):
        raise ValueError("line 1: two columns have the same name.")
    for row in reader:
        place = f"line {reader.line_num}"
        if row and len(row) != len(names):
            raise ValueError(f"{place}: it has {len(row)} cells, but the first row {len(names)}.")
        if row:
            yield _bounded(json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False).encode(), place)


def _lines(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield lines with their ends, cut at line feeds only, without a byte order mark."""
    open_line, number, mark = b"", 1, codecs.BOM_UTF8
    for piece in pieces:
        *ends, rest = piece.split(b"\n")
        for end in ends:
            yield (open_line + end + b"\n").removeprefix(mark)
            open_line, number, mark = b"", number + 1, b""
        open_line = _bounded(open_line + rest, f"line {number}")
    if open_line:
        yield open_line.removeprefix(mark)


class _Array:
    """A JSON array that is read piece by piece.

    :param texts: the pieces.
    """

    def __init__(self, texts: Iterator[str]) -> None:
        self._texts = texts
        self._text, self._at = "", 0

    def items(self) -> Iterator[bytes]:
        """Yield the texts of the array's objects."""
        self._pass("[", "it does not begin with '['")
        number = 1
        while self._peek() != "]":
            if number > 1:
                self._pass(",", f"there is neither ',' nor ']' behind item {number - 1}")
            yield self._value(f"item {number}")
            number += 1
        self._at += 1
        if self._peek():
            raise ValueError("something follows the array.")

    def _value(self, place: str) -> bytes:
        self._peek()
        value, end = self._decoded(place)
        if not isinstance(value, dict):
            raise ValueError(f"{place}: {_NO_OBJECT}")  # noqa: TRY004 - wrong data is a ValueError here
        text, self._at = self._text[self._at : end], end
        return _bounded(text.encode(), place)

    def _decoded(self, place: str) -> tuple[Any, int]:
        """Decode a value and say where it ends, reading on while it is not whole."""
        while True:
            try:
                return _DECODER.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                if len(self._text) - self._at > MAX_BATCH_BYTES:
                    raise ValueError(f"{place}: it is above 5 MB, or no JSON: {error.msg}.") from None
                if not self._read_on():
                    raise ValueError(f"{place}: it is no JSON: {error.msg}.") from None

    def _pass(self, character: str, words: str) -> None:
        if self._peek() != character:
            raise ValueError(f"{words}.")
        self._at += 1

    def _peek(self) -> str:
        """Return the next character that is no space; an empty text at the end."""
        while True:
            beginning = _BEGINNING.match(self._text, self._at)
            self._at = beginning.end() if beginning else self._at
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._read_on():
                return ""

    def _read_on(self) -> bool:
        text = next(self._texts, None)
        self._text, self._at = self._text[self._at :] + (text or ""), 0
        return text is not None


def _checked(text: bytes, place: str) -> bytes:
    """Return the text of an item.

    :raises ValueError: it is too large, or no JSON object. The message does not hold the item.
    """
    try:
        value = _DECODER.decode(_bounded(text, place).decode())
    except json.JSONDecodeError as error:
        raise ValueError(f"{place}: it is no JSON: {error.msg} at character {error.pos + 1}.") from None
    except UnicodeDecodeError:
        raise ValueError(f"{place}: it is not UTF-8.") from None
    if not isinstance(value, dict):
        raise ValueError(f"{place}: {_NO_OBJECT}")  # noqa: TRY004 - wrong data is a ValueError here
    return text


def _bounded(text: bytes, place: str) -> bytes:
    if len(text) > _MAX_ITEM_BYTES:
        raise ValueError(f"{place}: an item above 5 MB, which is more than Apify takes at once.")
    return text
