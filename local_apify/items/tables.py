"""Dataset items as tables: CSV and HTML, and what XLSX shares with them.

The columns of a table are the fields of its own items, nested ones as ``parent/child``; in order of appearance, unless
fields were asked for. A table has 2,000 columns at most, with names of 200 characters at most. Apify's documents do not
say what becomes of the others; here they are left out, as they are seen to be. A page without any column is no table:
Apify answers it with an error.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterator, Mapping
from html import escape
from itertools import chain
from types import NoneType
from typing import TYPE_CHECKING, Any

from local_apify.world.datasets import flat, utf8

if TYPE_CHECKING:
    from local_apify.items.page import Page
    from local_apify.items.style import Style
    from local_apify.world.datasets import Item

MAX_COLUMNS = 2000
MAX_COLUMN_NAME = 200
_TEXTS: Mapping[type, Callable[[Any], str]] = {
    str: str,
    int: int.__repr__,
    float: float.__repr__,
    bool: {True: "true", False: "false"}.__getitem__,
    NoneType: lambda _: "",
}


def text_of(value: Any) -> str:
    """Write a value as text: nothing for null, JSON for what is nested."""
    return _TEXTS.get(type(value), json.dumps)(value)


def csv_table(page: Page, style: Style) -> Iterator[bytes]:
    """Write CSV, quoted by hand: the csv module looks at each character."""
    columns = yield from columns_of(page)
    mark = style.delimiter

    def quoted(values: list[Any]) -> list[str]:
        texts, everything = _texts(values)
        if not (mark in everything or '"' in everything or "\n" in everything or "\r" in everything):
            return texts
        return [
            '"' + text.replace('"', '""') + '"' if mark in text or '"' in text or "\n" in text or "\r" in text else text
            for text in texts
        ]

    if style.header_row:
        yield utf8(mark.join(quoted(columns)) + "\n")
    for items in page.items():
        yield utf8("".join([mark.join(row) + "\n" for row in rows_of(items, columns, quoted)]))


def html_table(page: Page, _style: Style) -> Iterator[bytes]:
    """Write an HTML page with a table."""
    columns = yield from columns_of(page)
    head = "".join(f"<th>{name}</th>" for name in _escaped(columns))
    yield utf8(f"<!DOCTYPE html>\n<html><body><table><thead><tr>{head}</tr></thead><tbody>\n")
    for items in page.items():
        rows = rows_of(items, columns, _escaped)
        yield utf8("".join([f"<tr><td>{'</td><td>'.join(row)}</td></tr>\n" for row in rows]))
    yield b"</tbody></table></body></html>\n"


def _escaped(values: list[Any]) -> list[str]:
    texts, everything = _texts(values)
    return texts if escape(everything) == everything else [escape(text) for text in texts]


def _texts(values: list[Any]) -> tuple[list[str], str]:
    """Write a column of values as text; also return the texts joined, to look for something in all of them at once."""
    texts = values if set(map(type, values)) == {str} else [_TEXTS[type(value)](value) for value in values]
    return texts, "".join(texts)


def columns_of(page: Page) -> Generator[bytes, None, list[str]]:
    """Return the columns of a page; yield nothing, often, so that the server can do other things."""
    if page.columns is None:
        page.columns = yield from _found_columns(page)
    return page.columns


def _found_columns(page: Page) -> Generator[bytes, None, list[str]]:
    found: dict[str, None] = {}
    for batch in page.fields():
        found.update(dict.fromkeys(chain.from_iterable(dict.fromkeys(batch))))
        yield b""
    places = {name: place for place, name in enumerate(page.shape.columns)}

    def place(column: str) -> int:
        return places.get(column, places.get(column.partition("/")[0], len(places)))

    return [column for column in sorted(found, key=place) if len(column) <= MAX_COLUMN_NAME][:MAX_COLUMNS]


def rows_of(
    items: list[Item], columns: list[str], write: Callable[[list[Any]], list[str]]
) -> Iterator[tuple[str, ...]]:
    """Return the texts of each item, made column by column: most columns hold one kind of value and nothing special.

    :param write: turns the values of a column, of which none is nested, into texts.
    """
    flat_items = [flat(item) for item in items]
    texts = [write([item.get(column) for item in flat_items]) for column in columns]
    return zip(*texts, strict=True) if texts else iter([()] * len(items))
