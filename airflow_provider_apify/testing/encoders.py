"""Dataset items as JSON, JSONL, CSV, XML, HTML and RSS."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from airflow_provider_apify.testing.datasets import encode
from airflow_provider_apify.testing.items import leaves

if TYPE_CHECKING:
    from airflow_provider_apify.testing.datasets import Item

MAX_COLUMNS = 2000
BLOCK_BYTES = 256 * 1024
BLOCK_PIECES = 1000
BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, kw_only=True)
class Style:
    """What the caller may choose about an encoding."""

    delimiter: str = ","
    header_row: bool = True
    xml_root: str = "items"
    xml_row: str = "item"
    feed_title: str = ""
    feed_description: str = ""


Items = Callable[[], Iterable["Item"]]
"""The items, from the start each time it is called: tables need to see them twice."""


def jsonl(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Write encoded items as lines."""
    for line in lines:
        yield line + b"\n"


def json_array(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Write encoded items as one JSON array, an item on each line."""
    opening = b"["
    for line in lines:
        yield opening + line
        opening = b",\n"
    yield b"]" if opening != b"[" else b"[]"


def csv_table(items: Items, style: Style) -> Iterator[bytes]:
    """Write a table whose columns are all the fields of these items, nested ones as ``parent/child``.

    Quoted by hand: the csv module looks at each character and takes four times as long.
    """
    columns: list[str] = []
    yield from _found(items(), columns)
    needs_quotes = re.compile(f'["\r\n{re.escape(style.delimiter)}]')

    def line(cells: list[str]) -> bytes:
        quoted = ['"' + cell.replace('"', '""') + '"' if needs_quotes.search(cell) else cell for cell in cells]
        return (style.delimiter.join(quoted) + "\n").encode()

    if style.header_row:
        yield line(columns)
    for row in _rows(items(), columns):
        yield line(row)


def html_table(items: Items, _style: Style) -> Iterator[bytes]:
    """Write an HTML page with a table."""
    columns: list[str] = []
    yield from _found(items(), columns)
    head = "".join(f"<th>{escape(name)}</th>" for name in columns)
    yield f"<!DOCTYPE html>\n<html><body><table><thead><tr>{head}</tr></thead><tbody>\n".encode()
    for row in _rows(items(), columns):
        yield ("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>\n").encode()
    yield b"</tbody></table></body></html>\n"


def _flat(item: Item) -> dict[str, Any]:
    if not any(isinstance(value, (dict, list)) for value in item.values()):
        return item
    return {path: value for name, value in item.items() for path, value in leaves(value, name, "/")}


def _found(items: Iterable[Item], columns: list[str]) -> Iterator[bytes]:
    """Add all columns of the items to a list; yield nothing, often, so that the server can do other things."""
    found: dict[str, None] = {}
    for item in items:
        found.update(dict.fromkeys(_flat(item)))
        yield b""
    columns.extend(list(found)[:MAX_COLUMNS])


def _rows(items: Iterable[Item], columns: list[str]) -> Iterator[list[str]]:
    for item in items:
        flat = _flat(item)
        yield [_cell(flat.get(column)) for column in columns]


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value)


def xml(items: Items, style: Style) -> Iterator[bytes]:
    """Write XML, with ``@`` for attributes and ``#`` for text as Apify documents it."""
    yield f'<?xml version="1.0" encoding="UTF-8"?>\n<{style.xml_root}>\n'.encode()
    for item in items():
        yield (_element(style.xml_row, item) + "\n").encode()
    yield f"</{style.xml_root}>\n".encode()


def rss(items: Items, style: Style) -> Iterator[bytes]:
    """Write an RSS feed whose entries are the items."""
    head = _element("title", style.feed_title) + _element("description", style.feed_description)
    yield f'<?xml version="1.0" encoding="UTF-8"?>\n<rss version="2.0"><channel>{head}\n'.encode()
    for item in items():
        yield (_element("item", item) + "\n").encode()
    yield b"</channel></rss>\n"


def _element(name: str, value: Any) -> str:
    if isinstance(value, list):
        return "".join(_element(name, element) for element in value)
    if not isinstance(value, dict):
        text = escape(_cell(value), quote=False)
        return f"<{name}>{text}</{name}>" if text else f"<{name}/>"
    attributes = "".join(f' {key}="{escape(_cell(each))}"' for key, each in (value.get("@") or {}).items())
    children = "".join(_element(key, child) for key, child in value.items() if key not in {"@", "#"})
    inside = children or escape(_cell(value.get("#")), quote=False)
    return f"<{name}{attributes}>{inside}</{name}>" if inside else f"<{name}{attributes}/>"


@dataclass(frozen=True)
class Format:
    """A format: its content type, and how items are written in it."""

    content_type: str
    write: Callable[[Items, Style], Iterator[bytes]]
    write_lines: Callable[[Iterable[bytes]], Iterator[bytes]] | None = None
    has_bom: bool = False


def _from_lines(write_lines: Callable[[Iterable[bytes]], Iterator[bytes]]) -> Callable[[Items, Style], Iterator[bytes]]:
    return lambda items, _style: write_lines(map(encode, items()))


FORMATS = {
    "json": Format("application/json; charset=utf-8", _from_lines(json_array), json_array),
    "jsonl": Format("application/jsonl; charset=utf-8", _from_lines(jsonl), jsonl),
    "csv": Format("text/csv; charset=utf-8", csv_table, has_bom=True),
    "html": Format("text/html; charset=utf-8", html_table),
    "xml": Format("application/xml; charset=utf-8", xml),
    "rss": Format("application/rss+xml; charset=utf-8", rss),
}


def blocks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Gather small pieces into blocks of about 256 KiB, or of 1,000 pieces if those are smaller."""
    block: list[bytes] = []
    size = 0
    for piece in pieces:
        block.append(piece)
        size += len(piece)
        if size >= BLOCK_BYTES or len(block) >= BLOCK_PIECES:
            yield b"".join(block)
            block, size = [], 0
    if block:
        yield b"".join(block)
