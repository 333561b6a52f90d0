"""A Parquet table whose columns are read off its items.

Lines become row groups, several blocks each, while they are downloaded, with the columns of the first ones. They are
also kept in a temporary file, because a column may turn out otherwise in the last item than in all before: then they
are all written anew.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import IO, Any, Self

import pyarrow as pa

from airflow_provider_apify._files.formats.column_types import StructOf
from airflow_provider_apify._files.formats.fitting import schema_of
from airflow_provider_apify._files.formats.parquet_columns import JSON_TEXT, columns_of, schema_of_items, settled
from airflow_provider_apify._files.formats.parquet_lines import as_text, read, readable, rewritten
from airflow_provider_apify._files.formats.row_groups import BLOCK_BYTES, LineBlocks, RowGroups
from airflow_provider_apify.exceptions import ApifyDataError


class _Drift(Exception):
    """Items do not fit the schema as it is so far."""


class InferredTable:
    """Makes a table of lines as they come, with the columns of the first block; where a later one does not fit, anew.

    :param lines: where the lines are kept.
    :param table: becomes the Parquet file.
    :param without_items: the columns that the table has if nothing comes.
    """

    def __init__(self, lines: IO[bytes], table: IO[bytes], without_items: StructOf | None = None) -> None:
        self._lines, self._table, self._without_items = lines, table, without_items or StructOf()
        self._blocks = LineBlocks(lambda block: self._add(readable(block)), BLOCK_BYTES)
        self._groups: RowGroups | None = None
        # Of all blocks so far, once one of them did not fit: then those that follow are only looked at.
        self._columns: dict[str, pa.DataType] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._groups:
            self._groups.leave()

    def take(self, piece: bytes | memoryview) -> None:
        """Take lines, or parts of lines."""
        self._lines.write(piece)
        self._blocks.take(piece)

    def finish(self) -> None:
        """Complete the table.

        :raises ApifyDataError: no columns fit the items.
        """
        self._blocks.flush()
        if not self._groups:
            self._groups = _groups(self._table, {each.name: each.type for each in schema_of(self._without_items)})
        if self._columns is None:
            self._go_on(RowGroups.end)
        if self._columns is not None:
            self._write_anew(self._columns)
        if self._lines.tell() and not (self._columns or self._groups.has_columns):
            raise ApifyDataError("no item has a field, so a Parquet file would lose them; write jsonl, or skip_empty")

    def _add(self, block: bytes) -> None:
        if self._columns is not None:
            self._columns = columns_of(block, self._columns)
            return
        self._groups = self._groups or _groups(self._table, columns_of(block))
        self._go_on(partial(RowGroups.add, block=block))

    def _go_on(self, write: Callable[[RowGroups], None]) -> None:
        """Write; where something does not fit, look at all that has come."""
        assert self._groups  # noqa: S101 - for mypy
        try:
            write(self._groups)
        except _Drift:
            self._groups.leave()
            self._columns = {}
            for block in _kept_blocks(self._lines, self._lines.tell() - self._blocks.open_bytes):
                self._columns = columns_of(block, self._columns)
            self._lines.seek(0, os.SEEK_END)

    def _write_anew(self, columns: Mapping[str, pa.DataType]) -> None:
        groups = _groups(self._table, columns)
        try:
            for block in _kept_blocks(self._lines, self._lines.tell()):
                groups.add(block)
            groups.end()
        except _Drift as drift:
            raise ApifyDataError(f"the items do not fit a Parquet file: {drift.__cause__}; write jsonl") from drift
        finally:
            groups.leave()


def _groups(table: IO[bytes], columns: Mapping[str, pa.DataType]) -> RowGroups:
    """Return what writes items with these columns, and raises :class:`_Drift` where they do not fit."""
    final = settled(columns)
    texts = {name for name, kind in final.items() if kind is JSON_TEXT}
    schema = schema_of_items(final)
    return RowGroups(table, schema, partial(_table, texts, schema))


def _table(texts: set[str], schema: pa.Schema, block: bytes) -> pa.Table:
    """Read a block with the schema.

    :param texts: columns that hold JSON.
    :raises _Drift: it does not fit.
    """

    def with_texts(item: dict[str, Any], _place: int) -> dict[str, Any]:
        return {name: as_text(value) if name in texts and value is not None else value for name, value in item.items()}

    try:
        return read(rewritten(block, with_texts) if texts else block, schema, others="error")
    except (pa.ArrowInvalid, pa.ArrowKeyError) as error:
        raise _Drift from error


def _kept_blocks(lines: IO[bytes], end: int) -> Iterator[bytes]:
    """Yield the lines up to a place in their file, in blocks that Arrow can read."""
    found: list[bytes] = []
    blocks = LineBlocks(found.append, BLOCK_BYTES)
    lines.seek(0)
    while piece := lines.read(min(BLOCK_BYTES, end - lines.tell())):
        blocks.take(piece)
        while found:
            yield readable(found.pop())
    blocks.flush()
    yield from map(readable, found)
