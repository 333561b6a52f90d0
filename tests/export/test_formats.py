"""What counts and joins pages, for any bytes and any cutting into pieces."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, strategies as st

from airflow_provider_apify.exceptions import ApifyDataError
from airflow_provider_apify.export.formats import FORMATS, format_of, join_array, join_lines, join_tables
from airflow_provider_apify.export.pages import LineCounter, Page, PageReader, RowCounter
from airflow_provider_apify.export.sinks.parts import Block
from airflow_provider_apify.export.target import TargetFile

ITEMS = st.lists(st.dictionaries(st.text(), st.text() | st.integers() | st.none(), max_size=4), max_size=8)
CELLS = st.text(alphabet='ab",\n\r\v\x85\u2028 é🦊', max_size=6)
TABLES = st.integers(1, 4).flatmap(lambda width: st.lists(st.lists(CELLS, min_size=width, max_size=width), min_size=1))


def lines_of(items: Sequence[Any]) -> bytes:
    return b"".join(json.dumps(item, ensure_ascii=False).encode() + b"\n" for item in items)


def table_of(rows: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows(rows)  # the only one with which Python quotes a lone \r too
    return text.getvalue().encode()


def pieces_of(body: bytes, cuts: Sequence[int]) -> Iterator[bytes]:
    """Cut a body at any places."""
    places = [0, *sorted(cut % (len(body) + 1) for cut in cuts), len(body)]
    return (body[start:end] for start, end in pairwise(places) if start < end)


def page_of(body: bytes, counter: type[LineCounter | RowCounter] = LineCounter, cuts: Sequence[int] = ()) -> Page:
    """Read a body whose number of items nobody tells, as with a filter."""
    return PageReader(counter, {"clean": True})({"x-apify-pagination-count": "0"}, pieces_of(body, cuts))


class Sink:
    """Keeps what is written."""

    def __init__(self) -> None:
        self.body = b""

    def write(self, block: Block, /) -> None:
        self.body += block

    def commit(self) -> None: ...

    def discard(self) -> None: ...


def joined(join: Any, pages: Sequence[Page]) -> tuple[int, bytes]:
    sink = Sink()
    file = TargetFile(sink)
    records = join(pages, file)
    file.flush()
    return records, sink.body


@given(ITEMS, st.lists(st.integers(0)), st.booleans())
def test_lines_are_counted_in_any_pieces(items: list[Any], cuts: list[int], ends_with_break: bool) -> None:
    body = lines_of(items) if ends_with_break else lines_of(items).removesuffix(b"\n")
    with page_of(body, cuts=cuts) as page:
        assert page.records == len(items)
        assert b"".join(page.pieces()) == lines_of(items)
        assert page.size == len(lines_of(items))


@given(ITEMS.filter(bool), st.integers(1), st.lists(st.integers(0)))
def test_a_line_that_is_cut_is_noticed(items: list[Any], cut: int, cuts: list[int]) -> None:
    last = lines_of(items[-1:])
    kept = 1 + cut % (len(last) - 2)  # inside the last item
    with pytest.raises(ApifyDataError, match="in the middle of an item"):
        page_of(lines_of(items[:-1]) + last[:kept], cuts=cuts)


@given(TABLES, st.lists(st.integers(0)), st.booleans())
def test_rows_are_counted_in_any_pieces(table: list[list[str]], cuts: list[int], ends_with_break: bool) -> None:
    body = table_of(table) if ends_with_break else table_of(table).removesuffix(b"\r\n")
    with page_of(body, RowCounter, cuts) as page:
        assert page.records == len(table) - 1
        assert list(csv.reader(io.StringIO(page.open().read().decode(), newline=""))) == table


def test_a_row_that_is_cut_inside_quotes_is_noticed() -> None:
    with pytest.raises(ApifyDataError, match="in the middle of a row"):
        page_of(b'a,b\n1,"two\n', RowCounter)


def test_an_empty_table_has_no_rows() -> None:
    with page_of(b"", RowCounter) as page:
        assert (page.records, page.size) == (0, 0)


@pytest.mark.parametrize("counter", [LineCounter, RowCounter])
def test_a_page_that_holds_less_than_it_stands_for_is_noticed(counter: type[LineCounter | RowCounter]) -> None:
    with pytest.raises(ApifyDataError, match="stands for 3 items but holds"):
        PageReader(counter, {})({"x-apify-pagination-count": "3"}, iter([b'{"a":1}\n{"a":2}\n']))


@pytest.mark.parametrize("counter", [LineCounter, RowCounter])
def test_a_page_that_apify_did_not_write_is_noticed(counter: type[LineCounter | RowCounter]) -> None:
    """A network's welcome page comes with a good status too, and its lines look like rows."""
    with pytest.raises(ApifyDataError, match="not Apify's"):
        PageReader(counter, {})({"content-type": "text/html"}, iter([b"{}\n{}\n"]))


@pytest.mark.parametrize("params", [{"clean": True}, {"skipEmpty": True}, {"skipHidden": True}, {"unwind": "a"}])
def test_filters_may_keep_fewer_than_the_page_stands_for(params: dict[str, Any]) -> None:
    with PageReader(LineCounter, params)({"x-apify-pagination-count": "3"}, iter([b"{}\n"])) as page:
        assert (page.scanned, page.records) == (3, 1)


@given(st.lists(ITEMS, max_size=4), st.lists(st.integers(0)))
def test_lines_join_in_order(pages: list[list[Any]], cuts: list[int]) -> None:
    items = [item for page in pages for item in page]
    assert joined(join_lines, [page_of(lines_of(page), cuts=cuts) for page in pages]) == (len(items), lines_of(items))


@given(st.lists(ITEMS, max_size=4), st.booleans())
def test_an_array_holds_what_the_lines_hold(pages: list[list[Any]], ends_with_break: bool) -> None:
    bodies = [lines_of(page) if ends_with_break else lines_of(page).removesuffix(b"\n") for page in pages]
    records, body = joined(join_array, [page_of(each) for each in bodies])
    items = [item for page in pages for item in page]
    assert json.loads(body) == items
    assert records == len(items)
    assert body.endswith(b"]\n")


def test_an_array_of_large_items_is_cut_into_pieces_without_harm() -> None:
    items = [{"text": f"{number}" * 700_000} for number in range(5)]
    assert json.loads(joined(join_array, [page_of(lines_of(items[:3])), page_of(lines_of(items[3:]))])[1]) == items


def test_one_table_is_copied_as_it_is() -> None:
    body = b'a,"b"\r\n1,"x"\r\n'
    assert joined(join_tables, [page_of(body, RowCounter)]) == (1, body)
    assert joined(join_tables, []) == (0, b"")


def test_tables_unite_their_columns_in_order_of_appearance() -> None:
    pages = [
        [["url", "title"], ["u1", 't "1"']],
        [["url", "imgs/0", "title"], ["u2", "i", "a\nb"], ["u3", "", ""]],
        [["price", "url"], ["2,5", "ü"]],
    ]
    records, body = joined(join_tables, [page_of(table_of(page), RowCounter) for page in pages])
    assert records == 4
    assert list(csv.DictReader(io.StringIO(body.decode(), newline=""))) == [
        {"url": "u1", "title": 't "1"', "imgs/0": "", "price": ""},
        {"url": "u2", "title": "a\nb", "imgs/0": "i", "price": ""},
        {"url": "u3", "title": "", "imgs/0": "", "price": ""},
        {"url": "ü", "title": "", "imgs/0": "", "price": "2,5"},
    ]


@given(st.lists(st.lists(st.tuples(CELLS, CELLS), max_size=4), min_size=2, max_size=4))
def test_tables_of_the_same_columns_lose_nothing(pages: list[list[tuple[str, str]]]) -> None:
    header = ("a", "b")
    records, body = joined(join_tables, [page_of(table_of([header, *page]), RowCounter) for page in pages])
    rows = [list(row) for page in pages for row in page]
    assert list(csv.reader(io.StringIO(body.decode(), newline=""))) == [list(header), *rows]
    assert records == len(rows)


def test_tables_larger_than_a_block_of_text_are_written_in_several() -> None:
    pages = [[["a"], *([["x" * 1000]] * 1500)] for _ in range(2)]
    records, body = joined(join_tables, [page_of(table_of(page), RowCounter) for page in pages])
    assert records == 3000
    assert body.split() == [b"a"] + [b"x" * 1000] * 3000


def test_pages_are_given_back_after_joining() -> None:
    for join, counter in ((join_lines, LineCounter), (join_array, LineCounter), (join_tables, RowCounter)):
        pages = [page_of(b"a\n1\n", counter) if counter is RowCounter else page_of(b"{}\n") for _ in range(2)]
        joined(join, pages)
        assert all(page._file.closed for page in pages)


@pytest.mark.parametrize(
    ("path", "chosen", "name"),
    [
        ("items.jsonl", None, "jsonl"),
        ("s3://bucket/a.b/items.CSV", None, "csv"),
        ("items.json", "jsonl", "jsonl"),
        ("items", "json", "json"),
    ],
)
def test_the_format_is_chosen_or_named_by_the_path(path: str, chosen: str | None, name: str) -> None:
    assert format_of(path, chosen) is FORMATS[name]


@pytest.mark.parametrize(("path", "chosen"), [("items", None), ("items.parquet", None), ("a.json", "xml"), ("a.", "")])
def test_an_unknown_format_is_told_with_the_known_ones(path: str, chosen: str | None) -> None:
    with pytest.raises(ValueError, match="Give file_format as one of jsonl, json, csv"):
        format_of(path, chosen)
