"""How a format is to be written."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Style:
    """What the caller may choose about an encoding."""

    delimiter: str = ","
    header_row: bool = True
    xml_root: str = "items"
    xml_row: str = "item"
    feed_title: str = ""
    feed_description: str = ""
