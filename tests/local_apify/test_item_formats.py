"""Dataset items in every format, over HTTP; and what holds for any items."""

from __future__ import annotations

import csv
import io
import json
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET
from zipfile import ZipFile

import pytest
from hypothesis import example, given, strategies as st

from local_apify.items.formats import FORMATS
from local_apify.items.page import NO_LIMIT, Page
from local_apify.items.shaping import Shape
from local_apify.items.style import Style
from local_apify.world.datasets import Dataset

if TYPE_CHECKING:
    from tests.local_apify.client import Client

ITEMS = "/v2/datasets/things/items"
BOM = b"\xef\xbb\xbf"
THINGS: list[dict[str, Any]] = [
    {"name": 'Ädam, "the" first', "tags": ["a", "b"], "size": {"w": 1, "h": None}, "#debug": 1},
    {},
    {"name": "Eve", "ok": True, "parts": [{"part": "x"}, {"part": "y"}]},
]
SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


@pytest.fixture
def things(client: Client) -> Client:
    return with_items(client, THINGS)


def with_items(client: Client, items: list[dict[str, Any]]) -> Client:
    client.data("POST", "/v2/datasets", params={"name": "things"})
    assert client.send("POST", ITEMS, json=items).status_code == 201
    return client


def body_of(client: Client, name: str, **params: Any) -> bytes:
    answer = client.send("GET", ITEMS, params={"format": name, **params})
    assert answer.ok, answer.text
    return answer.content


def cells_of(body: bytes) -> list[list[str | None]]:
    """Return the rows of a workbook, each cell as its type and its text."""
    with ZipFile(io.BytesIO(body)) as archive:
        assert archive.testzip() is None
        rows = ET.fromstring(archive.read("xl/worksheets/sheet1.xml")).iter(f"{SHEET}row")  # noqa: S314 - our own server wrote it
        return [["".join(cell.itertext()) if len(cell) else None for cell in row] for row in rows]


class TableReader(HTMLParser):
    """Reads the rows of a table."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        del attrs
        if tag == "tr":
            self.rows.append([])
        if tag in {"td", "th"}:
            self.rows[-1].append("")

    def handle_data(self, data: str) -> None:
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += data


@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ("json", "application/json"),
        ("jsonl", "application/jsonl"),
        ("csv", "text/csv"),
        ("html", "text/html"),
        ("xml", "application/xml"),
        ("rss", "application/rss+xml"),
        ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ],
)
def test_a_byte_order_mark_is_for_csv_and_whom_it_was_asked_for(things: Client, name: str, content_type: str) -> None:
    answers = [things.send("GET", ITEMS, params={"format": name, **bom}) for bom in ({}, {"bom": 0}, {"bom": 1})]
    assert {answer.headers["Content-Type"].partition(";")[0] for answer in answers} == {content_type}
    marked = [answer.content.startswith(BOM) for answer in answers]
    assert marked == [name == "csv", False, name != "xlsx"]


def test_jsonl_has_an_item_on_each_line(things: Client) -> None:
    answer = things.send("GET", ITEMS, params={"format": "jsonl"})
    assert answer.headers["Content-Type"].startswith("application/jsonl")
    assert answer.content.endswith(b"\n")
    assert [json.loads(line) for line in answer.content.splitlines()] == THINGS


def test_csv_has_the_columns_of_its_own_items_and_a_bom(things: Client) -> None:
    body = things.send("GET", ITEMS, params={"format": "csv", "limit": 1}).content
    assert body.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(body.decode("utf-8-sig"))))
    assert rows == [
        ["name", "tags/0", "tags/1", "size/w", "size/h", "#debug"],
        ['Ädam, "the" first', "a", "b", "1", "", "1"],
    ]


def test_csv_without_header_row_and_bom_with_another_delimiter(things: Client) -> None:
    params = {"format": "csv", "bom": 0, "skipHeaderRow": 1, "delimiter": ";", "fields": "name,ok", "offset": 1}
    assert things.send("GET", ITEMS, params=params).text == ";\nEve;true\n"


def test_xml_repeats_lists_and_honours_attributes(client: Client) -> None:
    client.data("POST", "/v2/datasets", params={"name": "things"})
    client.send(
        "POST", ITEMS, json={"name": "A & B", "tags": [1, 2], "at": {"@": {"k": "v"}, "#": "text"}, "none": None}
    )
    body = client.send("GET", ITEMS, params={"format": "xml", "xmlRoot": "all", "xmlRow": "one"}).content
    root = ET.fromstring(body)  # noqa: S314 - our own server wrote it
    assert (root.tag, root[0].tag) == ("all", "one")
    assert [(child.tag, child.text, child.attrib) for child in root[0]] == [
        ("name", "A & B", {}),
        ("tags", "1", {}),
        ("tags", "2", {}),
        ("at", "text", {"k": "v"}),
        ("none", None, {}),
    ]


def test_rss_is_a_feed_with_a_title(things: Client) -> None:
    body = things.send(
        "GET", ITEMS, params={"format": "rss", "limit": 1, "fields": "name", "feedTitle": "News"}
    ).content
    channel = ET.fromstring(body)[0]  # noqa: S314 - our own server wrote it
    assert (channel.findtext("title"), channel.findtext("item/name")) == ("News", 'Ädam, "the" first')


def test_html_is_a_table(things: Client) -> None:
    text = things.send("GET", ITEMS, params={"format": "html", "offset": 2, "limit": 1, "fields": "name,ok"}).text
    assert "<th>name</th><th>ok</th>" in text
    assert "<td>Eve</td><td>true</td>" in text


def test_columns_of_late_items_are_columns_of_all(client: Client) -> None:
    with_items(client, [{"a": 1, "imgs": ["x"]}, {"b": 2, "imgs": ["y", "z"]}, {"imgs": []}])
    assert body_of(client, "csv", bom=0) == b"a,imgs/0,b,imgs/1,imgs\n1,x,,,\n,y,2,z,\n,,,,\n"
    assert body_of(client, "csv", bom=0, limit=1) == b"a,imgs/0\n1,x\n"
    assert body_of(client, "csv", bom=0, desc=1, limit=2) == b"imgs,b,imgs/0,imgs/1\n,,,\n,2,y,z\n"


def test_columns_stand_in_the_order_of_the_fields(client: Client) -> None:
    with_items(client, [{"b": 1}, {"a": 2, "b": 3, "c": [4]}])
    assert body_of(client, "csv", bom=0, fields="c,a,b") == b"c/0,a,b\n,,1\n4,2,3\n"
    assert body_of(client, "csv", bom=0, fields="c,a,b", outputFields="x,y,z") == b"x/0,y,z\n,,1\n4,2,3\n"


def test_a_table_has_2000_columns_at_most_and_no_long_names(client: Client) -> None:
    with_items(client, [{"x" * 201: 0, "x" * 200: 1} | {f"c{number}": number for number in range(2500)}])
    header, row, _ = body_of(client, "csv", bom=0).decode().split("\n")
    assert header.split(",")[:2] == ["x" * 200, "c0"]
    assert len(header.split(",")) == len(row.split(",")) == 2000


def test_a_workbook_has_text_numbers_and_truth(client: Client) -> None:
    with_items(client, [{"t": " <&>\n\x01é", "n": 1.5, "i": -7, "ok": True, "none": None}, {"t": "", "late": "x"}])
    assert cells_of(body_of(client, "xlsx")) == [
        ["t", "n", "i", "ok", "none", "late"],
        [" <&>\né", "1.5", "-7", "1", None, None],
        ["", None, None, None, None, "x"],
    ]
    assert body_of(client, "xlsx") != body_of(client, "xlsx")  # each tells when it was made


def test_a_name_that_no_element_can_have_is_changed(client: Client) -> None:
    with_items(client, [{"#debug": 1, "a b": 2, "1st": 3, "": 4, "ok-1.x": 5, "@": "odd", "x": {"#": [1]}}])
    (item,) = ET.fromstring(body_of(client, "xml"))  # noqa: S314 - our own server wrote it
    assert [(child.tag, child.text) for child in item] == [
        ("_debug", "1"),
        ("a_b", "2"),
        ("_1st", "3"),
        ("_", "4"),
        ("ok-1.x", "5"),
        ("x", "[1]"),
    ]


def test_a_feed_has_a_title_and_a_description_of_its_own(things: Client) -> None:
    dataset = things.data("GET", "/v2/datasets/things")
    channel = ET.fromstring(body_of(things, "rss"))[0]  # noqa: S314 - our own server wrote it
    assert channel.findtext("title") == "Dataset things"
    assert channel.findtext("description") == f'Items in dataset with id "{dataset["id"]}".'
    other = ET.fromstring(body_of(things, "rss", feedDescription="<b>"))[0]  # noqa: S314 - our own server wrote it
    assert other.findtext("description") == "<b>"


def test_half_a_surrogate_pair_is_kept_in_json_and_replaced_elsewhere(client: Client) -> None:
    with_items(client, [{"a": "\ud83d!"}])
    assert client.send("GET", ITEMS).json() == [{"a": "\ud83d!"}]
    assert body_of(client, "csv", bom=0).decode() == "a\n\ufffd!\n"


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
NAMES = st.text(max_size=5) | st.sampled_from(["a", "b", "#c", "@", "#", "a.b"])
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=5,
)
FIELDS = st.lists(st.sampled_from(["a", "b", "#c", "a.b", "@"]), max_size=3, unique=True).map(tuple)
SHAPES = st.builds(
    Shape,
    fields=FIELDS,
    unwind=FIELDS,
    flatten=FIELDS,
    omit=FIELDS,
    view_fields=FIELDS,
    skip_hidden=st.booleans(),
    skip_empty=st.booleans(),
)
DATA = st.lists(st.dictionaries(NAMES, VALUES, max_size=4), max_size=6)


def written(name: str, page: Page, style: Style | None = None) -> bytes:
    return b"".join(FORMATS[name].write(page, style or Style()))


@example(items=[{"@": {"": None, ":": None}}], shape=Shape(), newest_first=False)
@given(items=DATA, shape=SHAPES, newest_first=st.booleans())
def test_any_items_in_any_shape_are_the_same_in_every_format(
    items: list[dict[str, Any]], shape: Shape, newest_first: bool
) -> None:
    dataset = Dataset()
    dataset.push(items)
    page = Page(dataset, size=len(dataset), offset=0, limit=NO_LIMIT, newest_first=newest_first, shape=shape)

    expected = json.loads(written("json", page))
    assert [json.loads(line) for line in written("jsonl", page).decode().split("\n")[:-1]] == expected
    assert len(ET.fromstring(written("xml", page))) == len(expected)  # noqa: S314 - our own server wrote it
    assert len(ET.fromstring(written("rss", page))[0]) == len(expected) + 2  # noqa: S314 - our own server wrote it
    rows = list(csv.reader(io.StringIO(written("csv", page).decode(), newline="")))
    assert len(rows) == len(expected) + 1
    assert {len(row) or 1 for row in rows} == {len(rows[0]) or 1}
    reader = TableReader()
    reader.feed(written("html", page).decode())
    assert len(reader.rows) == len(cells_of(written("xlsx", page))) == len(rows)


@given(items=DATA, offset=st.integers(0, 8), limit=st.integers(0, 8), newest_first=st.booleans())
def test_a_page_is_a_part_of_the_whole(
    items: list[dict[str, Any]], offset: int, limit: int, newest_first: bool
) -> None:
    dataset = Dataset()
    dataset.push(items)
    page = Page(dataset, size=len(dataset), offset=offset, limit=limit, newest_first=newest_first, shape=Shape())
    ordered = items[::-1] if newest_first else items
    assert json.loads(written("json", page)) == ordered[offset : offset + limit]
    assert len(page) == len(ordered[offset : offset + limit])
