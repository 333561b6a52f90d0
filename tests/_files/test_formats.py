"""A dataset becomes a file of each format as Apify renders it, whole or not at all."""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from airflow_provider_apify._files.checks import EndCheck
from airflow_provider_apify._files.dataset.pulling import item_lines
from airflow_provider_apify._files.dataset.reader import Reader
from airflow_provider_apify._files.dataset.readers import DocumentReader
from airflow_provider_apify._files.dataset.source import Source
from airflow_provider_apify._files.formats.registry import FORMATS, format_of
from airflow_provider_apify._files.query import ItemsQuery
from airflow_provider_apify.exceptions import ApifyDataError
from airflow_provider_apify.hooks.apify import ApifyHook
from local_apify import LocalApify, scenario_item
from tests._files.material import (
    Taken,
    dataset_of,
    push,
    pushed,
    requests_for_items,
    say_that_there_are,
    source_of,
    written,
)
from tests.local_apify.client import Client

DOCUMENTS = ["csv", "xlsx", "xml", "rss", "html"]
ODD: list[dict[str, Any]] = [
    {"a": 'q"', "imgs": ["i0", "i1"]},
    {"a": "b\r\nr"},
    {"a": "x\u2028y </items> </table>"},
    {"c": "1,5", "d": {"e": True}},
]
VARIANTS: list[tuple[str, dict[str, Any]]] = [
    ("csv", {}),
    ("csv", {"delimiter": ";", "skip_header_row": True, "bom": True}),
    ("xml", {}),
    ("xml", {"xml_root": "a-b.c", "xml_row": "row", "bom": True}),
    ("rss", {}),
    ("rss", {"feed_title": "</rss", "feed_description": "<&>", "bom": True}),
    ("html", {}),
    ("html", {"bom": True}),
]


def rendered(apify: LocalApify, dataset_id: str, params: Mapping[str, Any]) -> bytes:
    """Return a dataset as Apify renders it."""
    client = Client(apify)
    with client.session:
        return client.send("GET", f"/v2/datasets/{dataset_id}/items", params=dict(params)).content


def read(name: str, body: bytes) -> list[Any]:
    if name == "csv":
        return list(csv.DictReader(io.StringIO(body.decode(), newline="")))
    return [json.loads(line) for line in body.splitlines()] if name == "jsonl" else list(json.loads(body))


def expected(name: str, items: list[dict[str, Any]]) -> list[Any]:
    return [{key: str(value) for key, value in item.items()} for item in items] if name == "csv" else items


@pytest.mark.parametrize("name", ["jsonl", "json", "csv"])
@pytest.mark.parametrize("cap", [None, 700])
@pytest.mark.parametrize("count", [1, 2_500])
def test_every_item_arrives_once_and_in_order(
    hook: ApifyHook, apify: LocalApify, name: str, cap: int | None, count: int
) -> None:
    apify.control.settings(max_items_per_request=cap)
    records, body = written(hook, dataset_of(hook, count), name)
    assert records == count
    assert read(name, body) == expected(name, [scenario_item(index, 200) for index in range(count)])


@pytest.mark.parametrize(
    ("name", "body"), [("jsonl", b""), ("json", b"[]\n"), ("csv", b""), ("xlsx", b""), ("html", b"")]
)
def test_an_empty_dataset_is_an_empty_file(hook: ApifyHook, name: str, body: bytes) -> None:
    assert written(hook, dataset_of(hook, 0), name) == (0, body)


@pytest.mark.parametrize(("name", "values"), VARIANTS)
@pytest.mark.parametrize("items", [[], ODD])
def test_a_document_is_as_apify_renders_it(
    hook: ApifyHook, apify: LocalApify, name: str, values: dict[str, Any], items: list[dict[str, Any]]
) -> None:
    dataset_id = pushed(hook, apify, items)
    records, body = written(hook, dataset_id, name, **values)
    if not items and name in {"csv", "html"}:
        assert (records, body) == (0, b"")  # Apify makes no table without columns
        return
    params = {"bom": False} | ItemsQuery.parse(values).params(name) | {"format": name}
    text = {key: str(value).lower() if isinstance(value, bool) else value for key, value in params.items()}
    assert body == rendered(apify, dataset_id, text)
    assert records == len(items)


def test_a_workbook_is_as_apify_renders_it(hook: ApifyHook, apify: LocalApify) -> None:
    dataset_id = pushed(hook, apify, ODD)
    records, body = written(hook, dataset_id, "xlsx")
    assert records == len(ODD)
    assert sheet_of(body) == sheet_of(rendered(apify, dataset_id, {"format": "xlsx"}))


@pytest.mark.parametrize(("name", "values"), VARIANTS)
@pytest.mark.parametrize("fault", ["cut-body", "cut-before-commit", "answer", "garbage"])
def test_a_document_that_breaks_goes_on_where_it_broke(
    hook: ApifyHook, apify: LocalApify, name: str, values: dict[str, Any], fault: str
) -> None:
    dataset_id = dataset_of(hook, 3_000)
    whole = written(hook, dataset_id, name, **values)
    for after_bytes in (30_000, 50_000, 10):
        apify.control.add_fault(fault, path="*/items", after_bytes=after_bytes, status=503)
    assert written(hook, dataset_id, name, **values) == whole


@pytest.mark.parametrize(("name", "values"), VARIANTS)
def test_a_document_that_ends_early_but_well_formed_is_not_taken_for_whole(
    hook: ApifyHook, apify: LocalApify, name: str, values: dict[str, Any]
) -> None:
    dataset_id = dataset_of(hook, 300)
    whole = written(hook, dataset_id, name, **values)
    apify.control.add_fault("end-body-early", path="*/items", after_bytes=5_000)
    assert written(hook, dataset_id, name, **values) == whole
    apify.control.add_fault("end-body-early", path="*/items", after_bytes=5_000, times=None)
    with pytest.raises(ApifyDataError, match=dataset_id):
        written(hook, dataset_id, name, **values)


def sheet_of(workbook: bytes) -> bytes:
    return zipfile.ZipFile(io.BytesIO(workbook)).read("xl/worksheets/sheet1.xml")


def write_while_growing(
    hook: ApifyHook, apify: LocalApify, name: str, late: dict[str, Any]
) -> tuple[int | None, bytes]:
    """Write 3,000 items; when the first bytes have been taken, another item is added, and the connection dies."""
    dataset_id = dataset_of(hook, 3_000)
    apify.control.add_fault("cut-body", path="*/items", after_bytes=400_000)
    taken, items = Taken(), [late]

    def take_and_grow(piece: bytes | memoryview) -> None:
        taken(piece)
        if items:
            push(apify, dataset_id, [items.pop()])

    (records,) = FORMATS[name].write([source_of(hook, dataset_id, name)], take_and_grow)
    return records, taken.body


@pytest.mark.parametrize("name", ["csv", "xml", "rss", "html"])
@pytest.mark.parametrize("late", [scenario_item(3_000, 200), {"another column": True}])
def test_a_document_that_grows_before_it_is_read_anew_is_written_as_it_was(
    hook: ApifyHook, apify: LocalApify, name: str, late: dict[str, Any]
) -> None:
    records, body = write_while_growing(hook, apify, name, late)
    assert records == 3_000
    assert re.findall(rb"Product (\d+)", body) == [str(index).encode() for index in range(3_000)]
    assert b"another column" not in body


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_dataset_that_grows_is_written_as_it_is_there(
    hook: ApifyHook, apify: LocalApify, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    dataset_id = dataset_of(hook, 30)
    read_items, grown = hook._read_items, False

    def read_and_grow(wanted: str, reader: Reader, **options: Any) -> None:
        nonlocal grown
        read_items(wanted, reader, **options)
        if not grown and isinstance(reader, DocumentReader):
            grown = True
            push(apify, dataset_id, [{"late": True}])

    monkeypatch.setattr(hook, "_read_items", read_and_grow)
    assert written(hook, dataset_id, name)[0] == 30
    assert written(hook, dataset_id, name)[0] == 31


@pytest.mark.parametrize("name", ["xlsx", "xml", "rss", "html"])
def test_a_document_that_is_more_than_apify_gives_at_once_says_what_to_write_instead(
    hook: ApifyHook, apify: LocalApify, name: str
) -> None:
    apify.control.settings(max_items_per_request=100)
    with pytest.raises(ApifyDataError, match=r"gives 100 of the dataset's 250 items at once.*Write jsonl, json, csv"):
        written(hook, dataset_of(hook, 250), name)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_cap_that_a_lagging_total_hides_is_no_short_file(
    hook: ApifyHook, apify: LocalApify, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    say_that_there_are(250, hook, monkeypatch)
    apify.control.settings(max_items_per_request=100, item_count_lag_seconds=60)
    dataset_id = dataset_of(hook, 250)
    if name == "csv":
        assert written(hook, dataset_id, name)[0] == 250
        return
    with pytest.raises(ApifyDataError, match="gives 100 of the dataset's 250 items at once"):
        written(hook, dataset_id, name)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_items_of_a_document_that_lag_behind_the_total_are_waited_for(
    hook: ApifyHook, apify: LocalApify, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    dataset_id, read_items, looks = dataset_of(hook, 30), hook._read_items, 0
    apify.control.settings(items_lag_seconds=60)

    def read_and_have_them_appear(*args: Any, **options: Any) -> None:
        nonlocal looks
        looks += 1
        if looks == 5:
            apify.control.settings(items_lag_seconds=0)
        read_items(*args, **options)

    monkeypatch.setattr(hook, "_read_items", read_and_have_them_appear)
    assert written(hook, dataset_id, name)[0] == 30


@pytest.mark.parametrize("name", DOCUMENTS)
def test_items_of_a_document_that_never_appear_are_not_taken_for_more_than_apify_gives_at_once(
    hook: ApifyHook, apify: LocalApify, name: str
) -> None:
    apify.control.settings(items_lag_seconds=60)
    with pytest.raises(ApifyDataError, match="counts 30 items, but only 0 came"):
        written(hook, dataset_of(hook, 30), name)


def test_columns_of_a_later_page_are_in_the_one_header(hook: ApifyHook, apify: LocalApify) -> None:
    apify.control.settings(max_items_per_request=2)
    dataset_id = pushed(
        hook, apify, [{"a": 'q"'}, {"a": "b\nr"}, {"a": "x\u2028y", "imgs": ["i0", "i1"]}, {"c": "1,5"}]
    )
    records, body = written(hook, dataset_id, "csv")
    assert records == 4
    assert [{key: value for key, value in row.items() if value} for row in read("csv", body)] == [
        {"a": 'q"'},
        {"a": "b\nr"},
        {"a": "x\u2028y", "imgs/0": "i0", "imgs/1": "i1"},
        {"c": "1,5"},
    ]


@pytest.mark.parametrize("name", ["jsonl", "json", "csv"])
def test_fields_and_omissions_reach_apify(hook: ApifyHook, name: str) -> None:
    _, body = written(hook, dataset_of(hook, 3), name, fields=["price", "id", "title"], omit=["url"])
    assert [list(item) for item in read(name, body)] == [["price", "id", "title"]] * 3


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_filters_leave_items_out(hook: ApifyHook, apify: LocalApify, name: str) -> None:
    dataset_id = pushed(hook, apify, [{"#hidden": 1}] * 25 + [{"a": number, "#b": 1} for number in range(5)])
    records, body = written(hook, dataset_id, name, clean=True)
    assert records == (5 if name in {"jsonl", "json", "csv", "parquet"} else None)
    if name in {"jsonl", "json", "csv"}:
        assert read(name, body) == expected(name, [{"a": number} for number in range(5)])


@pytest.mark.parametrize("name", ["jsonl", "json", "csv", "xml"])
def test_the_newest_items_may_come_first(hook: ApifyHook, name: str) -> None:
    dataset_id = dataset_of(hook, 20)
    _, oldest = written(hook, dataset_id, name)
    _, newest = written(hook, dataset_id, name, desc=True)
    if name == "xml":
        places = [newest.index(f"<id>{index}</id>".encode()) for index in range(20)]
        assert places == sorted(places, reverse=True)
    else:
        assert read(name, newest) == read(name, oldest)[::-1]


def test_a_csv_file_is_one_request_for_items(hook: ApifyHook, apify: LocalApify) -> None:
    written(hook, dataset_of(hook, 3_000), "csv")
    assert requests_for_items(apify) == 1


@pytest.mark.parametrize(
    ("name", "values"), [("xlsx", {}), *(each for each in VARIANTS if each[0] not in {"csv", "html"})]
)
def test_no_beginning_of_a_document_is_taken_for_the_whole(
    hook: ApifyHook, apify: LocalApify, name: str, values: dict[str, Any]
) -> None:
    _, body = written(hook, pushed(hook, apify, ODD), name, **values)
    endings = FORMATS[name].write.args[1](ItemsQuery.parse(values).params(name))  # type: ignore[attr-defined]
    behind = 18 if name == "xlsx" else 0
    whole = EndCheck(*endings, behind=behind)
    whole.add(body)
    assert whole.ending() == b""
    for size in range(len(body.rstrip()) if name != "xlsx" else len(body)):
        beginning = EndCheck(*endings, behind=behind)
        beginning.add(body[:size])
        with pytest.raises(ApifyDataError):
            beginning.ending()


def first(lines: Iterator[bytes], count: int) -> list[Any]:
    return [json.loads(next(lines)) for _ in range(count)]


def test_items_are_pulled_no_faster_than_they_are_used(hook: ApifyHook, apify: LocalApify) -> None:
    lines = item_lines(Source(hook, dataset_of(hook, 2_500)))
    assert requests_for_items(apify) == 0
    assert first(lines, 1_000) == [scenario_item(index, 200) for index in range(1_000)]
    assert requests_for_items(apify) == 1
    assert [json.loads(line) for line in lines] == [scenario_item(index, 200) for index in range(1_000, 2_500)]


def test_items_that_are_counted_but_never_pulled_are_an_error(hook: ApifyHook, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset_id = dataset_of(hook, 10)
    say_that_there_are(15, hook, monkeypatch)
    lines = item_lines(Source(hook, dataset_id))
    assert len(first(lines, 10)) == 10
    with pytest.raises(ApifyDataError, match="counts 15 items, but only 10 came"):
        next(lines)


@pytest.mark.parametrize(
    ("path", "chosen", "name"),
    [
        ("items.jsonl", None, "jsonl"),
        ("s3://bucket/a.b/items.CSV", None, "csv"),
        ("items.json", "jsonl", "jsonl"),
        ("items", "json", "json"),
        ("items.jsonl.gz", None, "jsonl"),
        ("items.xml.zst", None, "xml"),
        ("items.parquet", None, "parquet"),
        ("items.gz", "rss", "rss"),
    ],
)
def test_the_format_is_chosen_or_named_by_the_path(path: str, chosen: str | None, name: str) -> None:
    assert format_of(path, chosen) is FORMATS[name]


@pytest.mark.parametrize(("path", "chosen"), [("items", None), ("items.avro", None), ("a.json", "yaml"), ("a.", "")])
def test_an_unknown_format_is_told_with_the_known_ones(path: str, chosen: str | None) -> None:
    with pytest.raises(ValueError, match="Give file_format as one of jsonl, json, csv, xlsx, xml, rss, html, parquet"):
        format_of(path, chosen)
