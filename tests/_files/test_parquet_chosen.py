"""Files of many days are one table, where a task has chosen its columns."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq
import pytest
from hypothesis import given, strategies as st

from airflow_provider_apify._files.dataset.source import Source
from airflow_provider_apify._files.formats import parquet_chosen, row_groups
from airflow_provider_apify._files.formats.column_types import Chosen, parse_columns
from airflow_provider_apify._files.formats.parquet import write_parquet
from airflow_provider_apify._files.formats.parquet_chosen import ChosenTable
from airflow_provider_apify._files.formats.parquet_columns import MOST_COLUMNS
from airflow_provider_apify._files.formats.parquet_inferred import InferredTable
from airflow_provider_apify._files.query import ItemsQuery
from airflow_provider_apify.exceptions import ApifyDataError
from airflow_provider_apify.hooks.apify import ApifyHook
from local_apify import LocalApify
from tests._files.material import Taken, dataset_of, lines_of, push, pushed

MIDNIGHT = datetime(2026, 1, 2, tzinfo=UTC)


def converted(
    items: Sequence[Any] | bytes, columns: Mapping[str, str], *, nulls_misfits: bool = False, piece: int = 2**20
) -> pa.Table:
    """Return the items as they come back from a Parquet file with these columns."""
    table = io.BytesIO()
    with ChosenTable(table, Chosen(parse_columns(columns), nulls_misfits)) as conversion:
        lines = io.BytesIO(items if isinstance(items, bytes) else lines_of(items))
        while some := lines.read(piece):
            conversion.take(some)
        conversion.finish()
    table.seek(0)
    return pq.read_table(table)


# What a column takes, and what it holds then.
FITS: list[tuple[str, list[Any], str, list[Any]]] = [
    ("string", ["x", None, ""], "string", ["x", None, ""]),
    ("int64", [1, 2.0, -(2**63)], "int64", [1, 2, -(2**63)]),
    ("int32", [1, 2.0], "int32", [1, 2]),
    ("double", [1, 2.5], "double", [1.0, 2.5]),
    ("float", [1, 2.5], "float", [1.0, 2.5]),
    ("bool", [True, False], "bool", [True, False]),
    (
        "timestamp",
        ["2026-01-02T00:00:00.000Z", "2026-01-02", "2026-01-02T01:00:00+01:00", "2026-01-02T00:00:00.000000000Z"],
        "timestamp[us, tz=UTC]",
        [MIDNIGHT] * 4,
    ),
    ("date", ["2026-01-02T23:59:59Z", "1950-01-01"], "date32[day]", [date(2026, 1, 2), date(1950, 1, 1)]),
    ("json", ["x", 1, {"b": [1, "ž"]}, None], "string", ['"x"', "1", '{"b":[1,"ž"]}', None]),
    ("list<int64>", [[1, None], [], [2.0]], "list<element: int64>", [[1, None], [], [2]]),
    ("list<json>", [[1, "x"]], "list<element: string>", [["1", '"x"']]),
    ("struct<b: string>", [{"b": "x", "c": 1}, {}, None], "struct<b: string>", [{"b": "x"}, {"b": None}, None]),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "values", "arrow", "held"), FITS, ids=[each[0] for each in FITS])
def test_values_that_fit_are_kept_in_the_type_of_their_column(
    kind: str, values: list[Any], arrow: str, held: list[Any]
) -> None:
    table = converted([{"a": value} for value in values], {"a": kind})
    assert (str(table.schema.field("a").type), table["a"].to_pylist()) == (arrow, held)
    # One by one they are the same as together, where another one may have made all of them be looked at.
    for value, one in zip(values, held, strict=True):
        assert converted([{"a": value}], {"a": kind})["a"].to_pylist() == [one]


MISFITS: list[tuple[str, Any]] = [
    ("string", 1),
    ("string", {"b": 1}),
    ("int64", 1.5),
    ("int64", "1"),
    ("int64", True),
    ("int64", 2**63),
    ("int32", 2**31),
    ("double", "1.5"),
    ("double", True),
    ("bool", 1),
    ("timestamp", "yesterday"),
    ("timestamp", 5),
    ("date", 5),
    ("date", "2026-13-01"),
    ("list<string>", "x"),
    ("list<string>", ["x", 1]),
    ("struct<b: string>", [1]),
    ("struct<b: string>", {"b": 1}),
]


@pytest.mark.parametrize(("kind", "value"), MISFITS)
def test_a_value_that_does_not_fit_is_an_error_that_names_item_and_column_and_not_the_value(
    kind: str, value: Any
) -> None:
    with pytest.raises(ApifyDataError, match=r"item 3 has a [\w ]+ in 'a(\[\]|\.b)?', which does not fit") as caught:
        converted([{"a": None}] * 2 + [{"a": value}], {"a": kind})
    assert "on_misfit='null'" in str(caught.value)
    assert "yesterday" not in str(caught.value)


@pytest.mark.parametrize(("kind", "value"), MISFITS)
def test_a_value_that_does_not_fit_is_null_where_that_is_chosen_and_the_rest_stays(kind: str, value: Any) -> None:
    table = converted([{"a": value, "b": 1}, {"b": 2}], {"a": kind, "b": "int64"}, nulls_misfits=True)
    assert table["a"].to_pylist()[0] in (None, ["x", None], {"b": None})
    assert table["b"].to_pylist() == [1, 2]


def test_what_became_null_and_what_is_left_out_is_said_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        converted([{"a": "x", "z": 1, "b": [1]}, {"a": 1}], {"a": "int64", "b": "list<string>"}, nulls_misfits=True)
    assert "Fields that columns does not name are left out: z." in caplog.text
    assert "2 values that do not fit their columns became null: a (1), b[] (1)." in caplog.text


def test_items_in_many_blocks_keep_their_order_and_number() -> None:
    items = [{"a": number, "text": "x" * 1_000} for number in range(5_000)]
    assert converted(items, {"a": "int64"}, piece=70_000)["a"].to_pylist() == list(range(5_000))
    with pytest.raises(ApifyDataError, match="item 4001 has a text in 'a'"):
        converted([*items[:4_000], {"a": "x"}, *items[4_001:]], {"a": "int64"})


@given(st.lists(st.dictionaries(st.sampled_from("abc"), st.integers(-(2**63), 2**63 - 1) | st.text() | st.none())))
def test_items_come_back_as_they_are_where_columns_take_anything(items: list[dict[str, Any]]) -> None:
    table = converted(items, dict.fromkeys("abc", "json"))
    assert [{name: value and json.loads(value) for name, value in row.items()} for row in table.to_pylist()] == [
        {name: item.get(name) for name in "abc"} for item in items
    ]


COLUMNS = {"id": "int64", "price": "double", "tags": "list<string>", "seenAt": "timestamp", "shop.name": "string"}
DAYS: list[list[dict[str, Any]]] = [
    [{"id": 1, "price": 10, "tags": [], "seenAt": None}],
    [{"id": 2, "price": 9.5, "tags": ["a"], "seenAt": "2026-01-02T00:00:00Z", "shop": {"name": "x"}, "new": 1}],
    [],
]


def test_files_of_many_days_are_one_table_and_a_day_without_items_too(
    hook: ApifyHook, apify: LocalApify, tmp_path: Path
) -> None:
    for number, items in enumerate(DAYS):
        taken = Taken()
        write_parquet([Source(hook, pushed(hook, apify, items))], taken, Chosen(parse_columns(COLUMNS)))
        (tmp_path / f"{number}.parquet").write_bytes(taken.body)

    files = sorted(tmp_path.iterdir())
    assert len({pq.read_schema(file).to_string() for file in files}) == 1
    table = pads.dataset(files).to_table()
    assert table["price"].to_pylist() == [10.0, 9.5]
    assert table["seenAt"].to_pylist() == [None, MIDNIGHT]
    assert pa.concat_tables(map(pq.read_table, files)).num_rows == 2


def test_a_file_without_items_has_the_columns_that_are_asked_for(hook: ApifyHook) -> None:
    dataset_id = dataset_of(hook, 0)
    for query, names in [
        (ItemsQuery(fields=("id", "a.b", "c.d"), flatten=("c",)), ["id", "a", "c.d"]),
        (ItemsQuery(fields=("id", "x"), output_fields=("number", "y")), ["number", "y"]),
        (ItemsQuery(), []),
    ]:
        taken = Taken()
        write_parquet([Source(hook, dataset_id, query)], taken)
        table = pq.read_table(io.BytesIO(taken.body))
        assert (table.num_rows, table.schema.names) == (0, names)
        assert {str(each.type) for each in table.schema} <= {"string", "struct<b: string>"}


def test_columns_of_json_text_are_marked() -> None:
    inferred = io.BytesIO()
    with InferredTable(io.BytesIO(), inferred) as conversion:
        conversion.take(lines_of([{"a": 1, "b": 1}, {"a": "x", "b": 2}]))
        conversion.finish()
    inferred.seek(0)
    chosen = converted([{"a": 1, "b": 1}], {"a": "json", "b": "int64"})
    for schema in (pq.read_schema(inferred), chosen.schema):
        assert schema.field("a").metadata[b"content_type"] == b"application/json"
        assert b"content_type" not in (schema.field("b").metadata or {})


def test_keys_that_are_data_are_an_error_that_says_what_to_do_and_named_columns_are_written() -> None:
    items = [{f"id-{number}": 1, "a": number} for number in range(20_000)]
    with pytest.raises(ApifyDataError, match=r"more than 2,000 columns.*Write jsonl, or name the columns"):
        inferred(items)
    # Those that come late, and those inside of objects, too.
    with pytest.raises(ApifyDataError, match="more than 2,000 columns"):
        inferred([{"a": 1}] * 200_000 + items)
    with pytest.raises(ApifyDataError, match="more than 2,000 columns"):
        inferred([{"by_id": {f"id-{number}": 1}} for number in range(3_000)])
    assert converted(items, {"a": "int64"})["a"].to_pylist() == list(range(20_000))


def test_as_many_columns_as_may_be_are_written() -> None:
    items = [{f"c{number}": number} for number in range(MOST_COLUMNS)]
    table = inferred(items)
    assert (table.num_columns, table.num_rows) == (MOST_COLUMNS, MOST_COLUMNS)
    assert table["c7"].to_pylist()[:9] == [None] * 7 + [7, None]


def inferred(items: Sequence[Any]) -> pa.Table:
    table = io.BytesIO()
    with InferredTable(io.BytesIO(), table) as conversion:
        conversion.take(lines_of(items))
        conversion.finish()
    table.seek(0)
    return pq.read_table(table)


@pytest.mark.parametrize(("kind", "number"), [("float", "1e39"), ("double", "1e400")])
@pytest.mark.parametrize("columns", ["plain", "struct"])
def test_a_number_that_is_too_large_for_its_column_is_no_infinity(kind: str, number: str, columns: str) -> None:
    lines = f'{{"a": {{"b": {number}}}, "c": {number}}}\n'.encode()
    chosen = {"a.b": kind} if columns == "struct" else {"c": kind}
    with pytest.raises(ApifyDataError, match="on_misfit='null'"):
        converted(lines, chosen)
    assert number not in str(converted(lines, chosen, nulls_misfits=True))
    assert "inf" not in str(converted(lines, chosen, nulls_misfits=True))


@pytest.mark.parametrize(("kind", "value"), [("list<float>", [1e39]), ("list<struct<b: float>>", [{"b": -1e39}])])
def test_a_number_that_is_too_large_for_its_column_inside_a_list_is_no_infinity(kind: str, value: Any) -> None:
    with pytest.raises(ApifyDataError, match="on_misfit='null'"):
        converted([{"a": value}], {"a": kind})
    assert converted([{"a": value}], {"a": kind}, nulls_misfits=True)["a"].to_pylist() in ([[None]], [[{"b": None}]])


def test_a_value_that_does_not_fit_is_an_error_however_much_comes_behind_it(
    hook: ApifyHook, apify: LocalApify, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(row_groups, "_GROUP_BYTES", 2**20)
    dataset_id = dataset_of(hook, 0)
    items = [{"price": "none" if number == 600 else 1.5, "text": "x" * 4_000} for number in range(2_000)]
    for start in range(0, len(items), 1_000):
        push(apify, dataset_id, items[start : start + 1_000])
    told: list[str] = []
    monkeypatch.setattr(hook.log, "warning", told.append)
    chosen = Chosen(parse_columns({"price": "double", "text": "string"}), nulls_misfits=False)
    with pytest.raises(ApifyDataError, match=r"^item 601 has a text in 'price', which does not fit its column: double"):
        write_parquet([Source(hook, dataset_id)], Taken(), chosen)
    assert told == [], "nothing was wrong with the answer"


def test_behind_a_block_that_does_not_fit_nothing_is_taken_and_no_table_completed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(row_groups, "_GROUP_BYTES", 1_000)
    monkeypatch.setattr(parquet_chosen, "BLOCK_BYTES", 1_000)
    conversion = ChosenTable(io.BytesIO(), Chosen(parse_columns({"a": "int64"}), nulls_misfits=False))
    with conversion:
        for value in ("x", *range(500)):
            with suppress(ApifyDataError):
                conversion.take(lines_of([{"a": value}]))
        with pytest.raises(ApifyDataError, match="item 1 has a text in 'a'"):
            conversion.finish()
