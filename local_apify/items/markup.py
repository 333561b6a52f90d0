"""Dataset items as XML and RSS.

Apify's documents show ``@`` for attributes and ``#`` for the text of an element without children. They do not say what
becomes of names that no element can have, nor of characters that XML forbids; here each character of a name but ASCII
letters, digits, ``.``, ``-`` and ``_`` becomes ``_``, and what XML forbids in a text is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from html import escape
from typing import TYPE_CHECKING, Any

from local_apify.items.tables import text_of
from local_apify.world.datasets import utf8

if TYPE_CHECKING:
    from local_apify.items.page import Page
    from local_apify.items.style import Style

_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'
_FORBIDDEN = bytes(code for code in range(32) if chr(code) not in "\t\n\r")
_NO_NAME_CHARACTER = re.compile(r"[^A-Za-z0-9_.-]")


def xml(page: Page, style: Style) -> Iterator[bytes]:
    """Write XML."""
    yield utf8(f"{_DECLARATION}<{style.xml_root}>\n")
    for items in page.items():
        yield _lines([_element(style.xml_row, item) for item in items])
    yield utf8(f"</{style.xml_root}>\n")


def rss(page: Page, style: Style) -> Iterator[bytes]:
    """Write an RSS feed whose entries are the items."""
    head = _element("title", style.feed_title) + _element("description", style.feed_description)
    yield _lines([f'{_DECLARATION}<rss version="2.0"><channel>{head}'])
    for items in page.items():
        yield _lines([_element("item", item) for item in items])
    yield b"</channel></rss>\n"


def xml_bytes(text: str) -> bytes:
    """Encode XML, without the characters that XML forbids; bytes are searched ten times as fast as text."""
    encoded = utf8(text).translate(None, _FORBIDDEN)
    return encoded if text.isascii() else encoded.replace(b"\xef\xbf\xbe", b"").replace(b"\xef\xbf\xbf", b"")


def _lines(elements: list[str]) -> bytes:
    return xml_bytes("\n".join(elements) + "\n")


def _element(name: str, value: Any) -> str:
    if isinstance(value, dict):
        return _parent(name, value)
    if isinstance(value, list):
        return "".join([_element(name, element) for element in value])
    text = _text(value)
    return f"<{name}>{text}</{name}>" if text else f"<{name}/>"


def _text(value: Any) -> str:
    text = text_of(value)
    return escape(text, quote=False) if "&" in text or "<" in text or ">" in text else text


def _parent(name: str, value: dict[str, Any]) -> str:
    attributes = ""
    if isinstance(value.get("@"), dict):
        # Two keys may become the same name, which an element may have once.
        named = {_tag(key): escape(text_of(each)) for key, each in value["@"].items()}
        attributes = "".join(f' {attribute}="{text}"' for attribute, text in named.items())
    children = "".join([_element(_tag(key), child) for key, child in value.items() if key not in {"@", "#"}])
    inside = children or _text(value.get("#"))
    return f"<{name}{attributes}>{inside}</{name}>" if inside else f"<{name}{attributes}/>"


@lru_cache(maxsize=4096)
def _tag(name: str) -> str:
    """Return a name that an element can have."""
    tag = _NO_NAME_CHARACTER.sub("_", name)
    return tag if tag[:1].isalpha() or tag.startswith("_") else f"_{tag}"
