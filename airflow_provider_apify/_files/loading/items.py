"""Items of a stored file, as JSON texts."""

from __future__ import annotations

import codecs
import csv
import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import chain
from types import MappingProxyType
from typing import Any, NoReturn

from airflow_provider_apify._api.facts import MAX_ITEMS_BYTES
from airflow_provider_apify._files.csv_cells import long_cells
from airflow_provider_apify._files.loading.encodings import NOT_UTF_8, codec_of, decoded, in_utf_8

_MAX_ITEM_BYTES = MAX_ITEMS_BYTES - len(b"[]")
_NO_OBJECT = "an item is a JSON object, and this is none."
_TOO_DEEP = "it is nested too deep: Python reads about 1,000 lists and objects inside one another."
_BEGINNING = re.compile(r"[ \t\r\n]*")
# What spreadsheets write above the names of the columns.
_SEPARATOR_LINE = re.compile(r'"?sep=(?P<separator>.)"?[\r\n]*')
_OTHER_DELIMITERS = ";\t|"
_UTF_8 = ("utf-8", "utf-8-sig")


def _refuse_constant(name: str) -> NoReturn:
    raise json.JSONDecodeError(f"{name} is no JSON number", "", 0)


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)

Read = Callable[[Iterator[bytes]], Iterator[bytes]]
"""Makes items of the bytes of a file; raises ``ValueError`` that names the line where it cannot."""


def read_lines(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the items of JSON Lines, as they stand there; empty lines are left out."""
    for number, line in enumerate(_lines(pieces), 1):
        text = line.strip()
        if text:
            yield _checked(text, f"line {number}")


def read_array(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the items of one JSON array, as they stand there."""
    yield from _Array(decoded(pieces, "utf-8-sig")).items()


def read_table(delimiter: str | None, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield an item for each row of CSV; its fields are the names in the first row, its values are text."""
    lines = (_line_of_text(line, number) for number, line in enumerate(_lines(pieces), 1))
    with long_cells():
        yield from _Table(lines, delimiter).items()


READERS: Mapping[str, Read] = MappingProxyType(
    {"jsonl": read_lines, "json": read_array, "csv": partial(read_table, None)},
)
"""What reads the items of each format."""


def reader_of(file_format: str, delimiter: str | None, encoding: str | None = None) -> Read:
    """Return what reads a format.

    :param delimiter: between the cells of CSV; ``None`` for what the file itself says (``sep=;``), else a comma.
    :param encoding: by its name in Python; ``None`` for UTF-8.
    :raises ValueError: a delimiter that is none, or for another format; an encoding that Python does not know.
    """
    read = _reader_of(file_format, delimiter)
    name = codec_of(encoding)
    return read if name in _UTF_8 else lambda pieces: read(in_utf_8(pieces, name))


def _reader_of(file_format: str, delimiter: str | None) -> Read:
    if delimiter is not None and file_format != "csv":
        raise ValueError(f"delimiter is for csv only, but the file is {file_format}.")
    if delimiter is not None and len(delimiter) != 1:
        raise ValueError(f"delimiter is {delimiter!r}. It must be one character.")
    return partial(read_table, delimiter) if file_format == "csv" else READERS[file_format]


def _line_of_text(line: bytes, number: int) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError:
        raise ValueError(f"line {number}: {NOT_UTF_8}") from None


class _Table:
    """Rows of CSV below the names of their columns.

    :param delimiter: between cells; ``None`` for what a first line such as ``sep=;`` says, else a comma.
    """

    def __init__(self, lines: Iterator[str], delimiter: str | None) -> None:
        first = next(lines, "")
        told = _SEPARATOR_LINE.fullmatch(first)
        if told and delimiter not in {None, told["separator"]}:
            raise ValueError(f"line 1: it says {first.strip()!r}, but delimiter is {delimiter!r}: leave it out.")
        self._is_told = told is not None or delimiter is not None
        self._lines_before = 1 if told else 0
        rest = lines if told else chain([first] if first else [], lines)
        self._reader = csv.reader(rest, delimiter=told["separator"] if told else delimiter or ",", strict=True)

    def items(self) -> Iterator[bytes]:
        """Yield the rows as JSON objects.

        :raises ValueError: a row that is none, with its line.
        """
        names = self._names()
        while (row := self._row()) is not None:
            if row and len(row) != len(names):
                raise ValueError(f"{self._place}: it has {len(row)} cells, but the first row {len(names)}.")
            if row:
                text = json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False)
                yield _bounded(text.encode(), self._place)

    @property
    def _place(self) -> str:
        return f"line {self._lines_before + self._reader.line_num}"

    def _row(self) -> list[str] | None:
        try:
            return next(self._reader, None)
        except csv.Error as error:
            raise ValueError(f"{self._place}: it is no CSV: {error}.") from None

    def _names(self) -> list[str]:
        names = self._row() or []
        if len(set(names)) != len(names):
            raise ValueError(f"{self._place}: two columns have the same name.")
        for other in "" if self._is_told else _OTHER_DELIMITERS:
            if any(other in name for name in names):
                raise ValueError(
                    f"{self._place}: a column is named with {other!r}, as if that stood between the cells. Give "
                    f"delimiter={other!r}, or delimiter=',' if it is right as it is.",
                )
        return names


def _lines(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield lines with their ends, cut at line feeds only, without a byte order mark."""
    begun, size, number, mark = list[bytes](), 0, 1, codecs.BOM_UTF8
    for piece in pieces:
        *ends, rest = piece.split(b"\n")
        for end in ends:
            yield b"".join((*begun, end, b"\n")).removeprefix(mark)
            begun, size, number, mark = [], 0, number + 1, b""
        begun.append(rest)
        size += len(rest)
        _check_size(size, f"line {number}")
    if size:
        yield b"".join(begun).removeprefix(mark)


class _Array:
    """A JSON array that is read piece by piece.

    A value that is not whole is tried again when twice as much of it is there, so that the work grows with its size and
    not with the number of pieces.

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
                size = len(self._text) - self._at
                if size > MAX_ITEMS_BYTES:
                    raise ValueError(f"{place}: it is above 5 MB, or no JSON: {error.msg}.") from None
                if not self._read_on(size):
                    raise ValueError(f"{place}: it is no JSON: {error.msg}.") from None
            except RecursionError:
                raise ValueError(f"{place}: {_TOO_DEEP}") from None

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

    def _read_on(self, more: int = 1) -> bool:
        """Read so many characters or more, unless the file ends before; tell whether any came."""
        texts, size = [self._text[self._at :]], 0
        while size < more and (text := next(self._texts, None)) is not None:
            texts.append(text)
            size += len(text)
        self._text, self._at = "".join(texts), 0
        return size > 0


def _checked(text: bytes, place: str) -> bytes:
    """Return the text of an item.

    :raises ValueError: it is too large, or no JSON object. The message does not hold the item.
    """
    try:
        value = _DECODER.decode(_bounded(text, place).decode())
    except json.JSONDecodeError as error:
        raise ValueError(f"{place}: it is no JSON: {error.msg} at character {error.pos + 1}.") from None
    except UnicodeDecodeError:
        raise ValueError(f"{place}: {NOT_UTF_8}") from None
    except RecursionError:
        raise ValueError(f"{place}: {_TOO_DEEP}") from None
    if not isinstance(value, dict):
        raise ValueError(f"{place}: {_NO_OBJECT}")  # noqa: TRY004 - wrong data is a ValueError here
    return text


def _bounded(text: bytes, place: str) -> bytes:
    _check_size(len(text), place)
    return text


def _check_size(size: int, place: str) -> None:
    if size > _MAX_ITEM_BYTES:
        raise ValueError(f"{place}: an item above 5 MB, which is more than Apify takes at once.")
