"""Workbooks, read by what reads them for people: ExcelJS, openpyxl (for pandas) and fastexcel (for Polars)."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import fastexcel
import openpyxl
import pytest

from tests.javascript.conftest import Run

if TYPE_CHECKING:
    from tests.local_apify.client import Client

ITEMS: list[dict[str, Any]] = [
    {"text": "žluť <&>", "number": 1.5, "flag": True, "nested": {"a": [1, 2]}},
    {"number": -3, "late": "x"},
    {"text": " spaces ", "flag": False},
]
TABLE: list[list[Any]] = [
    ["text", "number", "flag", "nested/a/0", "nested/a/1", "late"],
    ["žluť <&>", 1.5, True, 1, 2, None],
    [None, -3, None, None, None, "x"],
    [" spaces ", None, False, None, None, None],
]


@pytest.fixture
def body(client: Client) -> bytes:
    dataset = client.data("POST", "/v2/datasets")["id"]
    client.send("POST", f"/v2/datasets/{dataset}/items", json=ITEMS)
    return client.send("GET", f"/v2/datasets/{dataset}/items", params={"format": "xlsx"}).content


def _with_openpyxl(body: bytes) -> list[list[Any]]:
    sheet: Any = openpyxl.load_workbook(io.BytesIO(body)).active
    return [list(row) for row in sheet.iter_rows(values_only=True)]


def _with_fastexcel(body: bytes) -> list[list[Any]]:
    columns = fastexcel.read_excel(body).load_sheet(0, header_row=None).to_arrow().to_pydict()
    return [list(row) for row in zip(*columns.values(), strict=True)]


def test_openpyxl_reads_what_was_pushed(body: bytes) -> None:
    assert _with_openpyxl(body) == TABLE


def test_fastexcel_reads_what_was_pushed(body: bytes) -> None:
    # A column of several types is read as text.
    assert [[None if cell is None else str(cell).lower() for cell in row] for row in _with_fastexcel(body)] == [
        [None if cell is None else str(cell).lower() for cell in row] for row in TABLE
    ]


def test_exceljs_reads_what_was_pushed(body: bytes, program: Run, tmp_path: Any) -> None:
    (tmp_path / "items.xlsx").write_bytes(body)
    said = program("""
        const workbook = new (require('exceljs').Workbook)();
        await workbook.xlsx.readFile('items.xlsx');
        const rows = [];
        workbook.worksheets[0].eachRow((row) => rows.push([...Array(6)].map((_, i) => row.getCell(i + 1).value)));
        return rows;
    """)
    assert said == TABLE


@pytest.mark.parametrize("read", [_with_openpyxl, _with_fastexcel])
def test_columns_beyond_z_are_where_they_belong(client: Client, read: Callable[[bytes], list[list[Any]]]) -> None:
    dataset = client.data("POST", "/v2/datasets")["id"]
    item = {f"field-{place}": f"value-{place}" for place in range(1500)}
    client.send("POST", f"/v2/datasets/{dataset}/items", json=[item, item])
    workbook = client.send("GET", f"/v2/datasets/{dataset}/items", params={"format": "xlsx"}).content
    assert read(workbook) == [list(item), *[list(item.values())] * 2]
