"""Dataset items as an Excel workbook with one sheet: the least that Office Open XML asks for, written as it is sent.

Apify's documents only say that it is a table like CSV. Excel's own limits, 1,048,576 rows and 32,767 characters in a
cell, are not watched here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from string import ascii_uppercase
from typing import TYPE_CHECKING, Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from local_apify.items.markup import xml_bytes
from local_apify.items.tables import columns_of, rows_of
from local_apify.world.clock import now

if TYPE_CHECKING:
    from local_apify.items.page import Page
    from local_apify.items.style import Style

_DECLARATION = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_SHEET = "xl/worksheets/sheet1.xml"
_PARTS: Mapping[str, str] = {
    "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPE}.sheet.main+xml"/>'
    f'<Override PartName="/{_SHEET}" ContentType="{_TYPE}.worksheet+xml"/>'
    '<Override PartName="/docProps/core.xml" '
    'ContentType="application/vnd.openxmlformats-package.core-properties+xml"/></Types>',
    "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/>'
    f'<Relationship Id="rId2" Type="{_PACKAGE}/relationships/metadata/core-properties" Target="docProps/core.xml"/>'
    "</Relationships>",
    "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>'
    '<sheet name="Data" sheetId="1" r:id="rId1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{_OFFICE}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
}


def workbook(page: Page, _style: Style) -> Iterator[bytes]:
    """Write a workbook."""
    columns = yield from columns_of(page)
    letters = [_letters(place) for place in range(len(columns))]
    sink, number = _Sink(), 1
    with _Archive(sink, "w") as archive:
        for name, part in _PARTS.items():
            archive.writestr(_entry(name), _DECLARATION + part)
        archive.writestr(_entry("docProps/core.xml"), _DECLARATION + _properties())
        with archive.open(_entry(_SHEET), "w") as sheet:
            sheet.write(xml_bytes(f'{_DECLARATION}<worksheet xmlns="{_MAIN}"><sheetData>'))
            sheet.write(xml_bytes(_row(number, letters, _cells(columns))))
            for items in page.items():
                rows = enumerate(rows_of(items, columns, _cells), start=number + 1)
                sheet.write(xml_bytes("".join([_row(place, letters, cells) for place, cells in rows])))
                number += len(items)
                yield sink.take()
            sheet.write(b"</sheetData></worksheet>")
    yield sink.take()


def _properties() -> str:
    """Say when the workbook was made, as libraries do: so the same items are never the same bytes twice."""
    return (
        f'<cp:coreProperties xmlns:cp="{_PACKAGE}/metadata/core-properties" xmlns:dcterms="http://purl.org/dc/terms/" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
        f'<dcterms:created xsi:type="dcterms:W3CDTF">{now().isoformat()}</dcterms:created></cp:coreProperties>'
    )


def _row(number: int, letters: Sequence[str], cells: Sequence[str]) -> str:
    """Write a row. Not all readers count by themselves: rows and cells say where they are."""
    named = [f'<c r="{letter}{number}"{cell}' for letter, cell in zip(letters, cells, strict=True)]
    return f'<row r="{number}">{"".join(named)}</row>'


def _letters(place: int) -> str:
    """Return the name of a column: A to Z, then AA."""
    place, last = divmod(place, 26)
    return (_letters(place - 1) if place else "") + ascii_uppercase[last]


def _cells(values: list[Any]) -> list[str]:
    return [_cell(value) for value in values]


def _cell(value: Any) -> str:
    """Write a cell, but for its place, which comes first."""
    if isinstance(value, str):
        text = escape(value, quote=False)
        return f' t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>'
    if isinstance(value, bool):
        return f' t="b"><v>{value:d}</v></c>'
    return "/>" if value is None else f"><v>{value!r}</v></c>"


def _entry(name: str) -> ZipInfo:
    """Return an entry with the time of now."""
    entry = ZipInfo(name, now().timetuple()[:6])
    entry.compress_type = ZIP_DEFLATED
    return entry


class _Archive(ZipFile):
    """An archive that complains of nothing where a client is gone before its end."""

    def __del__(self) -> None:
        """Leave it as it is: whoever would read on is gone."""


class _Sink:
    """A file that cannot seek, and gives what was written so far."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, piece: bytes) -> int:
        self._pieces.append(piece)
        return len(piece)

    def flush(self) -> None:
        """Do nothing: there is no buffer below."""

    def close(self) -> None:
        """Do nothing: what was written is still to be taken."""

    def take(self) -> bytes:
        """Return what was written since the last time."""
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)
