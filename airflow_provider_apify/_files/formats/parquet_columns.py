"""The columns of a table, read off items and merged where these differ. No I/O."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

import pyarrow as pa
import pyarrow.json as pajson

from airflow_provider_apify.exceptions import ApifyDataError

TEXT = pa.string()
MOST_COLUMNS = 2_000
"""So many are read off items; Apify's own tables have no more either."""
JSON_MARK = {"content_type": "application/json"}
"""Metadata of a column whose texts are JSON."""
_BATCH_BYTES, _BATCH_LINES = 2**16, 1_000
# Arrow writes any depth, but opens no file whose columns are nested more than 100 deep, where a list counts twice.
_MOST_DEPTH = 80


class _JsonText:
    """See :data:`JSON_TEXT`."""


JSON_TEXT: Any = _JsonText()
"""Stands for the type of a column whose values have no type in common: they become JSON text."""


def in_one_piece(block: bytes) -> pajson.ReadOptions:
    """Have Arrow read a block as one, by the thread that asks for it."""
    return pajson.ReadOptions(use_threads=False, block_size=len(block) + 1)


def columns_of(block: bytes, known: Mapping[str, pa.DataType] = MappingProxyType({})) -> dict[str, pa.DataType]:
    """Return the columns that hold the items of a block, beside those that are known.

    Not much of the block is looked at at once: Arrow makes a place for each column in each item, and where keys are
    data, there are very many of both.

    :raises ApifyDataError: they are too many.
    """
    columns = dict(known)
    for batch in _batches(block):
        columns = merged_columns(columns, _columns_of_batch(batch))
        if (count := leaves(columns.values())) > MOST_COLUMNS:
            raise ApifyDataError(
                f"the items have more than {MOST_COLUMNS:,} columns ({count:,} so far, those inside of objects "
                "included): keys that are data, such as IDs, make one each. Write jsonl, or name the columns that you "
                "want in columns",
            )
    return columns


def _batches(block: bytes) -> Iterator[bytes]:
    """Yield a block in batches of few lines, and of few bytes but for long lines."""
    lines, size = list[bytes](), 0
    for line in block.split(b"\n")[:-1]:
        lines.append(line)
        size += len(line)
        if size >= _BATCH_BYTES or len(lines) >= _BATCH_LINES:
            yield b"\n".join([*lines, b""])
            lines, size = [], 0
    if lines:
        yield b"\n".join([*lines, b""])


def _columns_of_batch(block: bytes) -> dict[str, pa.DataType]:
    """Read columns quickly where the items agree, else item by item."""
    try:
        schema = pajson.read_json(pa.BufferReader(block), in_one_piece(block)).schema
        columns = {field.name: _plain(field.type) for field in schema}
    except pa.ArrowInvalid:
        columns = {}
    if columns and JSON_TEXT not in columns.values():
        return columns
    columns = {}
    for line in block.split(b"\n")[:-1]:
        columns = merged_columns(columns, {name: _kind(value) for name, value in json.loads(line).items()})
    return columns


def settled(columns: Mapping[str, pa.DataType]) -> dict[str, pa.DataType]:
    """Return the columns once all items are known: what no Parquet file can hold, or no reader open, is JSON text."""
    return {name: kind if kind is JSON_TEXT or _is_readable(kind) else JSON_TEXT for name, kind in columns.items()}


def _is_readable(kind: pa.DataType, depth: int = _MOST_DEPTH) -> bool:
    """Tell whether Parquet has such a type: it has no objects without fields, and none in any depth.

    :param depth: objects that may be nested, or half as many lists.
    """
    if pa.types.is_list(kind):
        return depth > 1 and _is_readable(kind.value_type, depth - 2)
    if pa.types.is_struct(kind):
        return depth > 0 and len(kind) > 0 and all(_is_readable(field.type, depth - 1) for field in kind)
    return True


def leaves(kinds: Iterable[pa.DataType]) -> int:
    """Return how many columns of values Parquet makes of these: one for each field of an object."""
    return sum(map(_leaves, kinds))


def _leaves(kind: pa.DataType) -> int:
    if kind is not JSON_TEXT and pa.types.is_list(kind):
        return _leaves(kind.value_type)
    if kind is not JSON_TEXT and pa.types.is_struct(kind):
        return leaves(field.type for field in kind) or 1
    return 1


def schema_of_items(columns: Mapping[str, pa.DataType]) -> pa.Schema:
    """Return the schema of a file with these columns; those that hold JSON are marked."""
    return pa.schema(
        [
            pa.field(name, storable(kind), metadata=JSON_MARK if kind is JSON_TEXT else None)
            for name, kind in columns.items()
        ]
    )


def storable(kind: pa.DataType) -> pa.DataType:
    """Return the type that a Parquet file has for a column."""
    if kind is JSON_TEXT or pa.types.is_null(kind):
        return TEXT
    if pa.types.is_list(kind):
        return pa.list_(storable(kind.value_type))
    return pa.struct([(field.name, storable(field.type)) for field in kind]) if pa.types.is_struct(kind) else kind


def _plain(kind: pa.DataType) -> pa.DataType:
    """Undo what pyarrow reads into texts that look like times."""
    if pa.types.is_timestamp(kind):
        return TEXT
    if pa.types.is_list(kind):
        inner = _plain(kind.value_type)
        return JSON_TEXT if inner is JSON_TEXT else pa.list_(inner)
    if pa.types.is_struct(kind):
        fields = {field.name: _plain(field.type) for field in kind}
        return _struct(fields)
    return kind


def _struct(fields: Mapping[str, pa.DataType]) -> pa.DataType:
    return JSON_TEXT if JSON_TEXT in fields.values() else pa.struct(list(fields.items()))


def _kind(value: Any) -> pa.DataType:
    """Return the type of one value."""
    if isinstance(value, dict):
        return _struct({name: _kind(each) for name, each in value.items()})
    if isinstance(value, list):
        kind = pa.null()
        for each in value:
            kind = _merged(kind, _kind(each))
        return JSON_TEXT if kind is JSON_TEXT else pa.list_(kind)
    if isinstance(value, int) and not isinstance(value, bool):
        # Apify's numbers are JavaScript's, so that a larger one is a float already.
        return pa.int64() if -(2**63) <= value < 2**63 else pa.float64()
    return {type(None): pa.null(), bool: pa.bool_(), float: pa.float64(), str: TEXT}[type(value)]


def merged_columns(one: Mapping[str, pa.DataType], other: Mapping[str, pa.DataType]) -> dict[str, pa.DataType]:
    """Return the columns that hold the items of both."""
    merged = dict(one)
    for name, kind in other.items():
        merged[name] = _merged(merged[name], kind) if name in merged else kind
    return merged


def _merged(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    """Return the type that holds the values of both."""
    if one is JSON_TEXT or other is JSON_TEXT:
        return JSON_TEXT
    if one == other or pa.types.is_null(other) or pa.types.is_null(one):
        return one if pa.types.is_null(other) else other
    return pa.float64() if {one, other} == {pa.int64(), pa.float64()} else _merged_nested(one, other)


def _merged_nested(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    if pa.types.is_list(one) and pa.types.is_list(other):
        inner = _merged(one.value_type, other.value_type)
        return JSON_TEXT if inner is JSON_TEXT else pa.list_(inner)
    if pa.types.is_struct(one) and pa.types.is_struct(other):
        return _struct(
            merged_columns(
                {field.name: field.type for field in one},
                {field.name: field.type for field in other},
            ),
        )
    return JSON_TEXT
