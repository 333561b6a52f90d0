"""Items become a Parquet file that holds all of them, whatever their shapes, in memory that does not grow."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.json as pajson
import pyarrow.parquet as pq
import pytest
from hypothesis import assume, given, strategies as st

from airflow_provider_apify._files.dataset.source import Source
from airflow_provider_apify._files.formats import depth as depth_module, parquet_columns, parquet_inferred, row_groups
from airflow_provider_apify._files.formats.parquet import write_parquet
from airflow_provider_apify._files.query import ItemsQuery
from airflow_provider_apify.exceptions import ApifyDataError
from airflow_provider_apify.hooks.apify import ApifyHook
from local_apify import LocalApify, scenario_item
from tests._files.material import Taken, dataset_of, lines_of, push, pushed

_ONE_BLOCK = 2**20
_ITEM_BY_ITEM = 8


def converted(items: Sequence[Any] | bytes, block_bytes: int = _ONE_BLOCK) -> pa.Table:
    """Return the items as they come back from a Parquet file."""
    table = io.BytesIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parquet_inferred, "BLOCK_BYTES", block_bytes)
        with parquet_inferred.InferredTable(io.BytesIO(), table) as conversion:
            lines = io.BytesIO(items if isinstance(items, bytes) else lines_of(items))
            while piece := lines.read(block_bytes // 2):
                conversion.take(piece)
            conversion.finish()
    table.seek(0)
    return pq.read_table(table)


def types_of(table: pa.Table) -> dict[str, str]:
    return {field.name: str(field.type).replace("element: ", "") for field in table.schema}


def text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def test_a_dataset_becomes_a_table(hook: ApifyHook) -> None:
    taken = Taken()
    assert write_parquet([Source(hook, dataset_of(hook, 3_000))], taken) == [3_000]
    table = pq.read_table(io.BytesIO(taken.body))
    assert table.to_pylist() == [scenario_item(index, 200) for index in range(3_000)]
    assert types_of(table) == {"id": "int64", "url": "string", "title": "string", "price": "double", "text": "string"}


def test_an_empty_dataset_is_a_table_without_rows(hook: ApifyHook) -> None:
    taken = Taken()
    assert write_parquet([Source(hook, dataset_of(hook, 0))], taken) == [0]
    assert pq.read_table(io.BytesIO(taken.body)).num_rows == 0


def test_filters_and_fields_reach_apify(hook: ApifyHook, apify: LocalApify) -> None:
    taken = Taken()
    dataset_id = pushed(hook, apify, [{"a": 1, "#b": 2, "c": 3}, {"#b": 4}])
    query = ItemsQuery(clean=True, fields=("a", "#b"))
    assert write_parquet([Source(hook, dataset_id, query)], taken) == [1]
    assert pq.read_table(io.BytesIO(taken.body)).to_pylist() == [{"a": 1}]


# What items hold under "a", the type of the column, and what it holds.
DRIFTS: list[tuple[str, list[Any], str, list[Any]]] = [
    ("a number that becomes a fraction", [1, 1.5], "double", [1.0, 1.5]),
    ("a fraction that becomes a number", [1.5, 1], "double", [1.5, 1.0]),
    ("a number that becomes text", [1, "x"], "string", ["1", '"x"']),
    ("a switch that becomes a number", [True, 1], "string", ["true", "1"]),
    ("text that becomes an object", ["x", {"b": [1]}], "string", ['"x"', '{"b":[1]}']),
    ("an object that becomes a list", [{"b": 1}, [1, "ž"]], "string", ['{"b":1}', '[1,"ž"]']),
    ("nothing that becomes something", [None, 1], "int64", [None, 1]),
    ("something that becomes nothing", ["x", None], "string", ["x", None]),
    ("nothing at all", [None, None], "string", [None, None]),
    ("an object that gains a field", [{"b": 1}, {"b": 2, "c": "x"}], "struct<b: int64, c: string>",
     [{"b": 1, "c": None}, {"b": 2, "c": "x"}]),
    ("an object deep inside that gains a field", [{"b": {"c": 1}}, {"b": {"c": 2, "d": 3}}],
     "struct<b: struct<c: int64, d: int64>>", [{"b": {"c": 1, "d": None}}, {"b": {"c": 2, "d": 3}}]),
    ("a field of an object that becomes a fraction", [{"b": 1}, {"b": 1.5}], "struct<b: double>",
     [{"b": 1.0}, {"b": 1.5}]),
    ("a field of an object that becomes text", [{"b": 1}, {"b": "x"}], "string", ['{"b":1}', '{"b":"x"}']),
    ("a list that fills", [[], [1]], "list<int64>", [[], [1]]),
    ("lists that stay empty", [[], []], "list<string>", [[], []]),
    ("a list with holes", [[1, None], [None]], "list<int64>", [[1, None], [None]]),
    ("a list of mixed kinds", [[1], ["x", 2]], "string", ["[1]", '["x",2]']),
    ("a list of objects that differ", [[{"b": 1}], [{"c": "x"}]], "list<struct<b: int64, c: string>>",
     [[{"b": 1, "c": None}], [{"b": None, "c": "x"}]]),
    ("objects without fields", [{}, {}], "string", ["{}", "{}"]),
    ("a list of objects without fields", [[{}], []], "string", ["[{}]", "[]"]),
    ("a number beyond 64 bits", [1, 2**70], "double", [1.0, 2.0**70]),
    ("the largest whole number", [2**63 - 1, -(2**63)], "int64", [2**63 - 1, -(2**63)]),
    ("text that looks like a time", ["2026-01-01", "2026-01-01T00:00:00Z"], "string",
     ["2026-01-01", "2026-01-01T00:00:00Z"]),
    ("times that are not all", ["2026-01-01T00:00:00Z", "tomorrow"], "string", ["2026-01-01T00:00:00Z", "tomorrow"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("values", "kind", "expected"), [each[1:] for each in DRIFTS], ids=[each[0] for each in DRIFTS]
)
@pytest.mark.parametrize("block_bytes", [_ONE_BLOCK, 40])
def test_shapes_may_drift(values: list[Any], kind: str, expected: list[Any], block_bytes: int) -> None:
    others = [{"a": values[0], "number": number} for number in range(9)]  # more than a small block
    table = converted([*others, {"a": values[1], "number": 9}], block_bytes)
    assert types_of(table) == {"a": kind, "number": "int64"}
    assert table["a"].to_pylist() == [expected[0]] * 9 + [expected[1]]
    assert table["number"].to_pylist() == list(range(10))


@pytest.mark.parametrize("block_bytes", [_ONE_BLOCK, _ITEM_BY_ITEM])
def test_an_object_without_fields_loses_no_other(block_bytes: int) -> None:
    items: list[Any] = [{"a": {}}, {"a": {"b": 1}}, {"a": {"b": 1, "c": {"d": 2}}}]
    table = converted(items, block_bytes)
    found: list[Any] = [json.loads(value) if isinstance(value, str) else value for value in table["a"].to_pylist()]
    assert found[2] == {"b": 1, "c": {"d": 2}}
    assert [value.get("b") for value in found] == [None, 1, 1]


@pytest.mark.parametrize("block_bytes", [_ONE_BLOCK, _ITEM_BY_ITEM])
def test_a_nested_field_that_comes_late_is_kept_beside_a_column_of_mixed_kinds(block_bytes: int) -> None:
    items = [{"a": {"x": 1}, "m": 1}, {"a": {"x": 1}, "m": "s"}, {"a": {"x": 2, "y": 3}, "m": [2]}]
    table = converted(items, block_bytes)
    assert table["a"].to_pylist() == [{"x": 1, "y": None}, {"x": 1, "y": None}, {"x": 2, "y": 3}]
    assert table["m"].to_pylist() == ["1", '"s"', "[2]"]


@pytest.mark.parametrize("block_bytes", [_ONE_BLOCK, _ITEM_BY_ITEM])
def test_columns_are_the_fields_of_all_items_by_any_name(block_bytes: int) -> None:
    items: list[dict[str, Any]] = [
        {"ключ 🦊": "é\u2028\n"},
        {"": 1},
        {"a.b": 2, "a/b": [3]},
        {},
        {"ключ 🦊": "x" * 100},
    ]
    table = converted(items, block_bytes)
    assert table.schema.names == ["ключ 🦊", "", "a.b", "a/b"]
    assert table.to_pylist() == [{name: item.get(name) for name in table.schema.names} for item in items]


@pytest.mark.parametrize("block_bytes", [_ONE_BLOCK, _ITEM_BY_ITEM])
@pytest.mark.parametrize("other", ['"y"', "1"])
def test_half_of_a_surrogate_pair_becomes_the_replacement_character(block_bytes: int, other: str) -> None:
    table = converted(b'{"a":"\\ud800x"}\n{"a":"\\ud83e\\udd8a"}\n{"a":%s}\n' % other.encode(), block_bytes)
    first, second, third = table["a"].to_pylist()
    assert "\ufffdx" in first
    assert "🦊" in second
    assert third == other.strip(chr(34))


NUMBERS = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False, width=32)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=6,
)


def is_kept(value: Any, stored: Any) -> bool:
    """Tell whether what was stored stands for a value: as it is, as a float, as JSON text, with null for no field."""
    if isinstance(stored, str) and stored != value:
        return bool(json.loads(stored) == value)
    if isinstance(value, dict):
        return isinstance(stored, dict) and all(is_kept(value.get(name), stored[name]) for name in stored)
    if isinstance(value, list):
        return isinstance(stored, list) and len(value) == len(stored) and all(map(is_kept, value, stored))
    return bool(value == stored)


@given(st.lists(st.dictionaries(st.sampled_from("abc"), JSON_VALUES), max_size=6), st.sampled_from([8, 50, 2**20]))
def test_no_value_of_any_items_is_lost(items: list[dict[str, Any]], block_bytes: int) -> None:
    assume(any(items))
    table = converted(items, block_bytes)
    names = {name for item in items for name in item}
    assert set(table.schema.names) == names
    for number, item in enumerate(items):
        row = {name: table[name][number].as_py() for name in names}
        assert all(is_kept(item.get(name), row[name]) for name in names), (item, row)


def test_a_table_is_made_block_by_block(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    read_json = pajson.read_json

    def noting(buffer: Any, *options: Any) -> Any:
        sizes.append(buffer.size())
        return read_json(buffer, *options)

    monkeypatch.setattr(pajson, "read_json", noting)
    items = [{"number": number, "text": "x" * 100} for number in range(2_000)]
    table = converted(items, block_bytes=10_000)
    assert table.num_rows == 2_000
    assert max(sizes) < 10_000 + 200
    assert len(sizes) > 20


@pytest.mark.parametrize(("group_bytes", "groups"), [(2**24, 1), (100_000, 3)])
def test_row_groups_are_made_of_many_blocks(monkeypatch: pytest.MonkeyPatch, group_bytes: int, groups: int) -> None:
    monkeypatch.setattr(row_groups, "_GROUP_BYTES", group_bytes)
    monkeypatch.setattr(parquet_inferred, "BLOCK_BYTES", 10_000)
    table = io.BytesIO()
    with parquet_inferred.InferredTable(io.BytesIO(), table) as conversion:
        for number in range(2_000):
            conversion.take(lines_of([{"number": number, "text": "x" * 100}]))
        conversion.finish()
    found = pq.ParquetFile(table)
    assert found.metadata.num_row_groups == groups
    assert found.read()["number"].to_pylist() == list(range(2_000))


def test_what_waits_to_be_read_is_bounded_however_large_the_items_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_groups, "_GROUP_BYTES", 50_000)
    monkeypatch.setattr(parquet_inferred, "BLOCK_BYTES", 10_000)
    lines = io.BytesIO()
    waiting: list[int] = []
    read: list[int] = []
    read_table = parquet_inferred._table

    def noting(texts: set[str], schema: pa.Schema, block: bytes) -> Any:
        waiting.append(lines.tell() - sum(read))
        read.append(len(block))
        return read_table(texts, schema, block)

    monkeypatch.setattr(parquet_inferred, "_table", noting)
    item = lines_of([{"text": "x" * 30_000}])
    with parquet_inferred.InferredTable(lines, io.BytesIO()) as conversion:
        for _ in range(40):
            conversion.take(item)
        conversion.finish()
    assert sum(read) == 40 * len(item)
    # What is under way, and the item that comes next.
    assert max(waiting) <= 50_000 + len(item)


@pytest.mark.parametrize("nested", [lambda value: {"b": value}, lambda value: [value]])
@pytest.mark.parametrize(("depth", "kind"), [(39, None), (130, "string"), (300, "string")])
def test_what_is_nested_too_deep_for_readers_becomes_json_text(
    nested: Callable[[Any], Any], depth: int, kind: str | None
) -> None:
    value: Any = 1
    for _ in range(depth):
        value = nested(value)
    table = converted([{"a": value, "number": 1}])
    assert table["number"].to_pylist() == [1]
    found = table["a"][0].as_py()
    assert (json.loads(found) if kind == "string" else found) == value


def test_items_that_arrow_cannot_read_are_an_error_that_says_what_to_write() -> None:
    with pytest.raises(ApifyDataError, match=r"do not fit a Parquet file: .*; write jsonl"):
        converted(b'{"a":1,"a":2}\n')


@pytest.mark.parametrize("block_bytes", [_ONE_BLOCK, _ITEM_BY_ITEM])
def test_items_without_fields_alone_are_an_error_because_a_table_without_columns_has_no_rows(block_bytes: int) -> None:
    with pytest.raises(ApifyDataError, match="no item has a field"):
        converted([{}, {}], block_bytes)


def test_a_download_that_fails_writes_nothing(hook: ApifyHook, apify: LocalApify) -> None:
    dataset_id = dataset_of(hook, 10)
    apify.control.add_fault("answer", path="*/items", times=None, status=503)
    taken = Taken()
    with pytest.raises(Exception, match="503"):
        write_parquet([Source(hook, dataset_id)], taken)
    assert taken.body == b""


@pytest.mark.parametrize("depth", [311, 5_000, 150_000])
@pytest.mark.parametrize("inside", ["{}", "[{}]"])
def test_an_item_that_is_nested_too_deep_is_an_error_and_ends_nothing_else(depth: int, inside: str) -> None:
    start, end = ('{"a":', "}") if inside == "{}" else ("[", "]")
    deep = f'{{"a":{start * depth}1{end * depth}}}\n'.encode()
    with pytest.raises(ApifyDataError, match="an item is nested more than 310 deep"):
        converted(lines_of([{"a": 1}]) + deep, block_bytes=2**22)


def test_what_is_nested_as_deep_as_may_be_is_kept_and_brackets_in_texts_are_none() -> None:
    deep: Any = 1
    for _ in range(309):
        deep = [deep]
    items = [{"a": deep, "b": "[{" * 3_000}, {"a": 1, "b": '\\"[' * 3_000}]
    assert converted(items).to_pylist() == [{**item, "a": text(item["a"])} for item in items]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"deep": [[[[[[1]]]]]]}, "^an item is nested more than 5 deep"),
        ({f"column{number}": 1 for number in range(9)}, "^the items have more than 5 columns"),
    ],
)
def test_what_parquet_cannot_hold_is_an_error_however_much_comes_behind_it(
    hook: ApifyHook, apify: LocalApify, monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any], words: str
) -> None:
    monkeypatch.setattr(depth_module, "MOST_DEPTH", 5)
    monkeypatch.setattr(depth_module, "_ROUNDS", 0)
    monkeypatch.setattr(depth_module, "_SHORTEST_DEEP_LINE", 10)
    monkeypatch.setattr(parquet_columns, "MOST_COLUMNS", 5)
    monkeypatch.setattr(row_groups, "_GROUP_BYTES", 2**20)
    dataset_id = dataset_of(hook, 0)
    items = [{"number": number, "text": "x" * 4_000, **(fields if number == 600 else {})} for number in range(2_000)]
    for start in range(0, len(items), 1_000):
        push(apify, dataset_id, items[start : start + 1_000])
    told: list[str] = []
    monkeypatch.setattr(hook.log, "warning", told.append)
    with pytest.raises(ApifyDataError, match=words):
        write_parquet([Source(hook, dataset_id)], Taken())
    assert told == [], "nothing was wrong with the answer"
