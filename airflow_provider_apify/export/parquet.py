"""Parquet, written here: Apify has no such format.

The lines go to a temporary file first: a column may turn out otherwise in the last item than in all before. The schema
is read off the items, one row group after the other, in memory that does not grow with the dataset.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from typing import IO, Any

import pyarrow as pa
import pyarrow.json as pajson
import pyarrow.parquet as pq

from airflow_provider_apify.exceptions import ApifyDataError
from airflow_provider_apify.export.reading import Take
from airflow_provider_apify.export.source import Source
from airflow_provider_apify.export.walking import Walk

_BLOCK_BYTES = 16 * 2**20
_COPY_BYTES = 2**20
_TEXT = pa.string()
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


class _Drift(Exception):
    """Items do not fit the schema as it is so far."""


def write_parquet(source: Source, take: Take) -> int:
    """Write a Parquet file, compressed with zstd.

    Columns are the fields of all items. A field that is a number in one item and an object in another becomes JSON
    text; a whole number that is a fraction elsewhere becomes a float. Times stay the text that they are. A field that
    is null everywhere becomes text, because many readers know no column without a type.
    """
    with tempfile.TemporaryFile() as lines, tempfile.TemporaryFile() as table:
        walk = Walk(source, lines.write)
        walk.go()
        _convert(lines, table)
        table.seek(0)
        while piece := table.read(_COPY_BYTES):
            take(piece)
    return walk.records


def _convert(lines: IO[bytes], table: IO[bytes]) -> None:
    """Write with the schema of the first block; where a later one does not fit, look at all and write anew."""
    columns: dict[str, pa.DataType] = next((_columns_of(block) for block in _blocks(lines)), {})
    try:
        _write(lines, table, _settled(columns))
    except _Drift:
        columns = {}
        for block in _blocks(lines):
            columns = _merged_columns(columns, _columns_of(block))
        try:
            _write(lines, table, _settled(columns))
        except _Drift as drift:
            raise ApifyDataError(f"the items do not fit a Parquet file: {drift.__cause__}; write jsonl") from drift


def _write(lines: IO[bytes], table: IO[bytes], columns: Mapping[str, pa.DataType]) -> None:
    table.seek(0)
    table.truncate()
    schema = pa.schema([pa.field(name, _storable(kind)) for name, kind in columns.items()])
    with pq.ParquetWriter(table, schema, compression="zstd") as writer:
        for block in _blocks(lines):
            writer.write_table(_table(block, columns, schema))


def _blocks(lines: IO[bytes]) -> Iterator[bytes]:
    """Yield the lines in blocks that Arrow can read: it refuses half of a surrogate pair, as scraped text has it."""
    lines.seek(0)
    rest = b""
    while block := lines.read(_BLOCK_BYTES):
        end = block.rfind(b"\n") + 1
        if end:
            whole = rest + block[:end]
            yield _rewritten(whole) if _SURROGATE.search(whole) else whole
        rest = block[end:] if end else rest + block


def _table(block: bytes, columns: Mapping[str, pa.DataType], schema: pa.Schema) -> pa.Table:
    """Read a block with the schema.

    :raises _Drift: it does not fit.
    """
    if _JSON in columns.values():
        texts = {name for name, kind in columns.items() if kind is _JSON}
        block = _rewritten(
            block, lambda item: {name: _text(item[name]) if name in texts else item[name] for name in item}
        )
    options = pajson.ParseOptions(explicit_schema=schema, unexpected_field_behavior="error")
    try:
        return pajson.read_json(pa.BufferReader(block), _in_one_piece(block), options).select(schema.names)
    except (pa.ArrowInvalid, pa.ArrowKeyError) as error:
        raise _Drift from error


def _rewritten(block: bytes, change: Callable[[dict[str, Any]], dict[str, Any]] = lambda item: item) -> bytes:
    """Write items anew; half of a surrogate pair, which is no UTF-8, becomes the replacement character."""
    text = "\n".join(_text(change(json.loads(line))) or "" for line in block.split(b"\n")[:-1]) + "\n"
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()


def _text(value: Any) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _in_one_piece(block: bytes) -> pajson.ReadOptions:
    return pajson.ReadOptions(use_threads=False, block_size=len(block) + 1)


def _columns_of(block: bytes) -> dict[str, pa.DataType]:
    """Read the columns off a block: quickly where its items agree, else item by item."""
    try:
        schema = pajson.read_json(pa.BufferReader(block), _in_one_piece(block)).schema
        columns = {field.name: _plain(field.type) for field in schema}
    except pa.ArrowInvalid:
        columns = {}
    if columns and _JSON not in columns.values():
        return columns
    columns = {}
    for line in block.split(b"\n")[:-1]:
        columns = _merged_columns(columns, {name: _kind(value) for name, value in json.loads(line).items()})
    return columns


class _JsonText:
    """Stands for a column of values that have no type in common."""


_JSON: Any = _JsonText()


def _settled(columns: Mapping[str, pa.DataType]) -> dict[str, pa.DataType]:
    """Return the columns once all items are known: Parquet has no objects without fields, so those become JSON text."""
    return {name: _JSON if kind is not _JSON and _has_empty(kind) else kind for name, kind in columns.items()}


def _has_empty(kind: pa.DataType) -> bool:
    if pa.types.is_list(kind):
        return _has_empty(kind.value_type)
    return pa.types.is_struct(kind) and (not len(kind) or any(_has_empty(field.type) for field in kind))


def _storable(kind: pa.DataType) -> pa.DataType:
    if kind is _JSON or pa.types.is_null(kind):
        return _TEXT
    if pa.types.is_list(kind):
        return pa.list_(_storable(kind.value_type))
    return pa.struct([(field.name, _storable(field.type)) for field in kind]) if pa.types.is_struct(kind) else kind


def _plain(kind: pa.DataType) -> pa.DataType:
    """Undo what pyarrow reads into texts that look like times."""
    if pa.types.is_timestamp(kind):
        return _TEXT
    if pa.types.is_list(kind):
        inner = _plain(kind.value_type)
        return _JSON if inner is _JSON else pa.list_(inner)
    if pa.types.is_struct(kind):
        fields = {field.name: _plain(field.type) for field in kind}
        return _struct(fields)
    return kind


def _struct(fields: Mapping[str, pa.DataType]) -> pa.DataType:
    return _JSON if _JSON in fields.values() else pa.struct(list(fields.items()))


def _kind(value: Any) -> pa.DataType:
    """Return the type of one value."""
    if isinstance(value, dict):
        return _struct({name: _kind(each) for name, each in value.items()})
    if isinstance(value, list):
        kind = pa.null()
        for each in value:
            kind = _merged(kind, _kind(each))
        return _JSON if kind is _JSON else pa.list_(kind)
    if isinstance(value, int) and not isinstance(value, bool):
        # Apify's numbers are JavaScript's, so that a larger one is a float already.
        return pa.int64() if -(2**63) <= value < 2**63 else pa.float64()
    return {type(None): pa.null(), bool: pa.bool_(), float: pa.float64(), str: _TEXT}[type(value)]


def _merged_columns(one: Mapping[str, pa.DataType], other: Mapping[str, pa.DataType]) -> dict[str, pa.DataType]:
    merged = dict(one)
    for name, kind in other.items():
        merged[name] = _merged(merged[name], kind) if name in merged else kind
    return merged


def _merged(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    """Return the type that holds the values of both."""
    if one is _JSON or other is _JSON:
        return _JSON
    if one == other or pa.types.is_null(other) or pa.types.is_null(one):
        return one if pa.types.is_null(other) else other
    return pa.float64() if {one, other} == {pa.int64(), pa.float64()} else _merged_nested(one, other)


def _merged_nested(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    if pa.types.is_list(one) and pa.types.is_list(other):
        inner = _merged(one.value_type, other.value_type)
        return _JSON if inner is _JSON else pa.list_(inner)
    if pa.types.is_struct(one) and pa.types.is_struct(other):
        return _struct(
            _merged_columns(
                {field.name: field.type for field in one},
                {field.name: field.type for field in other},
            ),
        )
    return _JSON
