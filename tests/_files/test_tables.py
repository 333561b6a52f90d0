"""Tables of different columns become one."""

from __future__ import annotations

import csv
import io
from typing import Any
from urllib.parse import parse_qs

import pytest
from hypothesis import given, strategies as st

from airflow_provider_apify._files.checks import BOM
from airflow_provider_apify._files.dataset import plan
from airflow_provider_apify._files.dataset.reader import Reader
from airflow_provider_apify._files.dataset.source import Source
from airflow_provider_apify._files.formats import csv_union
from airflow_provider_apify._files.formats.csv_union import write_united
from airflow_provider_apify._files.formats.registry import write_table
from airflow_provider_apify._files.query import ItemsQuery
from airflow_provider_apify.exceptions import ApifyDataError
from airflow_provider_apify.hooks.apify import ApifyHook
from local_apify import LocalApify, scenario_item
from tests._files.material import CELLS, Taken, dataset_of, push, pushed, rows_of, say_that_there_are


def united(pages: list[list[list[str]]], *, delimiter: str = ",", has_header: bool = True) -> tuple[int, bytes]:
    """Unite tables, each the header and the rows of a page."""
    taken = Taken()
    readable = [lambda page=page: iter(page) for page in pages]
    columns = list(dict.fromkeys(column for page in pages for column in page[0]))
    return sum(csv_union._unite(readable, columns, taken, delimiter, has_header=has_header)), taken.body


def table(body: bytes, delimiter: str = ",") -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(body.decode(), newline=""), delimiter=delimiter))


def test_tables_unite_their_columns_in_order_of_appearance() -> None:
    pages = [
        [["url", "title"], ["u1", 't "1"']],
        [["url", "imgs/0", "title"], ["u2", "i", "a\nb"], ["u3", "", ""]],
        [["price", "url"], ["2,5", "ü"]],
    ]
    records, body = united(pages)
    assert records == 4
    assert table(body) == [
        {"url": "u1", "title": 't "1"', "imgs/0": "", "price": ""},
        {"url": "u2", "title": "a\nb", "imgs/0": "i", "price": ""},
        {"url": "u3", "title": "", "imgs/0": "", "price": ""},
        {"url": "ü", "title": "", "imgs/0": "", "price": "2,5"},
    ]


@given(st.lists(st.lists(st.tuples(CELLS, CELLS), max_size=4), min_size=1, max_size=4), st.booleans())
def test_tables_of_the_same_columns_lose_nothing(pages: list[list[tuple[str, str]]], has_header: bool) -> None:
    header = ["a", "b"]
    records, body = united([[header, *map(list, page)] for page in pages], has_header=has_header)
    rows = [list(row) for page in pages for row in page]
    assert rows_of(body) == ([header] if has_header else []) + rows
    assert records == len(rows)


def test_large_tables_are_written_in_several_blocks() -> None:
    pages = [[["a"], *([["x" * 1000]] * 1500)] for _ in range(2)]
    records, body = united(pages)
    assert records == 3000
    assert body.split() == [b"a"] + [b"x" * 1000] * 3000


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_union, "_MOST_PAGE_ITEMS", 400)


@pytest.mark.parametrize("lag", [0, 60])
@pytest.mark.parametrize("cap", [None, 150])
@pytest.mark.usefixtures("small_pages")
def test_pages_are_fetched_until_an_empty_one(hook: ApifyHook, apify: LocalApify, lag: int, cap: int | None) -> None:
    apify.control.settings(max_items_per_request=cap, item_count_lag_seconds=lag)
    taken = Taken()
    assert write_united([Source(hook, dataset_of(hook, 1_000))], taken, {"bom": False}) == [1_000]
    expected = [{name: str(value) for name, value in scenario_item(index, 200).items()} for index in range(1_000)]
    assert table(taken.body) == expected


@pytest.mark.parametrize("fault", ["cut-body", "end-body-early", "answer", "garbage"])
@pytest.mark.usefixtures("small_pages")
def test_a_page_that_breaks_is_fetched_again(hook: ApifyHook, apify: LocalApify, fault: str) -> None:
    dataset_id = dataset_of(hook, 1_000)
    apify.control.add_fault(fault, path="*/items", skip=1, times=2, after_bytes=1_000, status=503)
    taken = Taken()
    assert write_united([Source(hook, dataset_id)], taken, {"bom": False}) == [1_000]
    assert [row["id"] for row in table(taken.body)] == [str(index) for index in range(1_000)]


def test_items_without_fields_are_rows_without_values(hook: ApifyHook, apify: LocalApify) -> None:
    apify.control.settings(max_items_per_request=2)
    dataset_id = pushed(hook, apify, [{}, {}, {"a": 1}, {}, {"a": None}, {"b": 2}])
    taken = Taken()
    assert write_united([Source(hook, dataset_id)], taken, {"bom": False}) == [6]
    assert [row["a"] for row in table(taken.body)] == ["", "", "1", "", "", ""]
    assert [row["b"] for row in table(taken.body)] == ["", "", "", "", "", "2"]


def test_a_delimiter_and_a_left_out_header_are_kept(hook: ApifyHook, apify: LocalApify) -> None:
    apify.control.settings(max_items_per_request=1)
    dataset_id = pushed(hook, apify, [{"a": "1;2"}, {"b": "3"}])
    taken = Taken()
    params = {"bom": False, "delimiter": ";", "skipHeaderRow": True}
    assert write_united([Source(hook, dataset_id)], taken, params) == [2]
    assert taken.body == b'"1;2";\r\n;3\r\n'


def test_a_long_cell_is_kept(hook: ApifyHook, apify: LocalApify) -> None:
    apify.control.settings(max_items_per_request=1)
    page = "x" * 200_000
    dataset_id = pushed(hook, apify, [{"html": page}, {"html": "y", "b": 1}])
    taken, limit = Taken(), csv.field_size_limit()
    assert write_united([Source(hook, dataset_id)], taken, {"bom": False}) == [2]
    assert taken.body == b"html,b\r\n%s,\r\ny,1\r\n" % page.encode()
    assert csv.field_size_limit() == limit


def test_a_page_that_is_no_csv_is_an_error_that_says_what_to_write() -> None:
    body = b"a,b\r\n1,lone\rreturn\r\n"
    with pytest.raises(ApifyDataError, match=r"a page of CSV cannot be read: new-line .*; write jsonl"):
        list(csv_union._rows(io.BytesIO(body), csv_union._Page(0, 0, len(body), 1), ","))


def test_pages_of_large_items_hold_few_of_them(
    hook: ApifyHook, apify: LocalApify, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "LARGEST_PAGE_BYTES", 20_000)
    limits: list[int] = []
    apify.on_exchange = lambda each: (
        limits.append(int(parse_qs(each.query)["limit"][0])) if each.template.endswith("/items") else None
    )
    assert write_united([Source(hook, dataset_of(hook, 1_500))], Taken(), {"bom": False}) == [1_500]
    assert limits[0] == 1_000
    assert 10 < max(limits[1:]) < 200


def test_items_that_are_counted_but_do_not_come_are_an_error(hook: ApifyHook, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset_id = dataset_of(hook, 10)
    say_that_there_are(15, hook, monkeypatch)
    with pytest.raises(ApifyDataError, match="counts 15 items, but only 10 came"):
        write_united([Source(hook, dataset_id)], Taken(), {"bom": False})


def test_a_row_of_other_cells_than_its_header_is_an_error_that_a_retry_may_cure() -> None:
    with pytest.raises(ApifyDataError, match="a row of 1 cells below 2 columns") as caught:
        united([[["id", "title"], ["399"]]])
    assert caught.value.retryable


@pytest.mark.parametrize("fault", ["empty-page", "other-page"])
@pytest.mark.usefixtures("small_pages")
def test_pages_are_as_patient_as_lines(hook: ApifyHook, apify: LocalApify, fault: str) -> None:
    dataset_id = dataset_of(hook, 1_000)
    apify.control.add_fault(fault, path="*/items", skip=1, times=3)
    taken = Taken()
    assert write_united([Source(hook, dataset_id)], taken, {"bom": False}) == [1_000]
    assert [row["id"] for row in table(taken.body)] == [str(index) for index in range(1_000)]


@pytest.mark.usefixtures("small_pages")
def test_pages_of_the_newest_first_are_an_error_where_the_dataset_grows(
    hook: ApifyHook, apify: LocalApify, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset_id, read_items, late = dataset_of(hook, 1_000), hook._read_items, [{"late": 1}] * 169

    def grow_before_the_second_page(wanted: str, reader: Reader, **options: Any) -> None:
        if reader.position >= 400 and late:
            push(apify, dataset_id, late)
            late.clear()
        read_items(wanted, reader, **options)

    monkeypatch.setattr(hook, "_read_items", grow_before_the_second_page)
    with pytest.raises(ApifyDataError, match="has grown while it was read newest first"):
        write_united([Source(hook, dataset_id, ItemsQuery(desc=True))], Taken(), {"bom": False, "desc": True})


def test_pages_with_a_byte_order_mark_are_one_table_with_one(hook: ApifyHook, apify: LocalApify) -> None:
    apify.control.settings(max_items_per_request=2)
    dataset_id, taken = pushed(hook, apify, [{"a": 1, "b": 2}, {"a": 3}, {"b": 4, "a": 5}, {"a": 6}]), Taken()
    assert write_table([Source(hook, dataset_id, ItemsQuery(bom=True))], taken) == [4]
    assert taken.body.startswith(BOM)
    assert taken.body.count(BOM) == 1
    rows = [{"a": "1", "b": "2"}, {"a": "3", "b": ""}, {"a": "5", "b": "4"}, {"a": "6", "b": ""}]
    assert table(taken.body.removeprefix(BOM)) == rows


def test_two_columns_of_one_name_are_not_made_one() -> None:
    with pytest.raises(ApifyDataError, match="two columns 'a/b'; write jsonl"):
        csv_union._columns(lambda: iter([["a/b", "c", "a/b"], ["1", "2", "3"]]))
