"""The formats of dataset items."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from local_apify.items.markup import rss, xml
from local_apify.items.style import Style
from local_apify.items.tables import csv_table, html_table
from local_apify.items.xlsx import workbook

if TYPE_CHECKING:
    from local_apify.items.page import Page

BOM = b"\xef\xbb\xbf"


def jsonl(page: Page, _style: Style) -> Iterator[bytes]:
    """Write items as lines."""
    for lines in page.lines():
        yield b"\n".join(lines) + b"\n"


def json_array(page: Page, _style: Style) -> Iterator[bytes]:
    """Write items as one JSON array, an item on each line."""
    opening = b"["
    for lines in page.lines():
        yield opening + b",\n".join(lines)
        opening = b",\n"
    yield b"]" if opening != b"[" else b"[]"


@dataclass(frozen=True)
class Format:
    """A format: its content type, and how items are written in it.

    :param has_bom: whether it begins with a byte order mark; ``None`` if it is no text.
    :param is_table: whether it has columns, and needs one.
    """

    content_type: str
    write: Callable[[Page, Style], Iterator[bytes]]
    has_bom: bool | None = False
    is_table: bool = False


_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        "json": Format("application/json; charset=utf-8", json_array),
        "jsonl": Format("application/jsonl; charset=utf-8", jsonl),
        "csv": Format("text/csv; charset=utf-8", csv_table, has_bom=True, is_table=True),
        "html": Format("text/html; charset=utf-8", html_table, is_table=True),
        "xml": Format("application/xml; charset=utf-8", xml),
        "rss": Format("application/rss+xml; charset=utf-8", rss),
        "xlsx": Format(_XLSX, workbook, has_bom=None, is_table=True),
    },
)
