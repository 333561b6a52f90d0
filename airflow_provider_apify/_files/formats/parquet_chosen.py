"""A Parquet table whose columns a task has chosen: each block is written as it comes, and nothing twice."""

from __future__ import annotations

import json
import logging
from typing import IO, Any, Self

import pyarrow as pa
import pyarrow.compute as pc

from airflow_provider_apify._files.formats.column_types import Chosen
from airflow_provider_apify._files.formats.fitting import Fitting, is_read_by_arrow, schema_of
from airflow_provider_apify._files.formats.parquet_lines import read, readable, rewritten
from airflow_provider_apify._files.formats.row_groups import BLOCK_BYTES, LineBlocks, RowGroups
from airflow_provider_apify.exceptions import ApifyDataError

log = logging.getLogger(__name__)

_LOOKED_AT = 100
_NAMES_SAID = 10


class ChosenTable:
    """Makes a table of lines as they come, with columns that were chosen.

    :param table: becomes the Parquet file.
    """

    def __init__(self, table: IO[bytes], chosen: Chosen) -> None:
        self._fitting = Fitting(chosen.columns, chosen.nulls_misfits)
        self._schema, self._is_read_by_arrow = schema_of(chosen.columns), is_read_by_arrow(chosen.columns)
        self._items = 0
        self._groups = RowGroups(table, self._schema, self._read)
        self._blocks = LineBlocks(self._add, BLOCK_BYTES)
        self._is_begun = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._groups.leave()

    def take(self, piece: bytes | memoryview) -> None:
        """Take lines, or parts of lines."""
        self._blocks.take(piece)

    def finish(self) -> None:
        """Complete the table, and say what became null.

        :raises ApifyDataError: a value does not fit.
        """
        self._blocks.flush()
        self._groups.end()
        if self._fitting.misfits:
            log.warning("%s", self._fitting.in_words())

    def _add(self, block: bytes) -> None:
        block = readable(block)
        if not self._is_begun:
            self._is_begun = True
            self._tell_of_others(block)
        self._groups.add(block)

    def _tell_of_others(self, block: bytes) -> None:
        """Say which fields of the first items no column takes."""
        lines = block.split(b"\n", _LOOKED_AT)[:-1]
        others = sorted({name for line in lines for name in json.loads(line)} - self._fitting.columns.fields.keys())
        if others:
            log.warning("Fields that columns does not name are left out: %s.", ", ".join(others[:_NAMES_SAID]))

    def _read(self, block: bytes) -> pa.Table:
        """Read a block: quickly where all its values fit as they stand, else value by value."""
        first, self._items = self._items, self._items + block.count(b"\n")
        if self._is_read_by_arrow:
            try:
                table = read(block, self._schema, others="ignore")
            except pa.ArrowInvalid:
                log.debug("Item %d or one behind it does not fit its columns as it stands", first)
            else:
                if not any(map(_holds_infinity, table.columns)):
                    return table

        def fitted(item: dict[str, Any], place: int) -> dict[str, Any]:
            return self._fitting.fitted(item, first + place)

        try:
            return read(rewritten(block, fitted), self._schema, others="error")
        except pa.ArrowInvalid as error:
            raise ApifyDataError(f"the items do not fit their columns: {error}; write jsonl") from error


def _holds_infinity(values: pa.ChunkedArray | pa.Array) -> bool:
    """Tell whether a number was too large for its column: Arrow makes infinity of it, and JSON has none."""
    if pa.types.is_floating(values.type):
        return bool(pc.any(pc.is_inf(values)).as_py())
    if pa.types.is_list(values.type):
        return _holds_infinity(pc.list_flatten(values))
    if pa.types.is_struct(values.type):
        return any(_holds_infinity(pc.struct_field(values, [place])) for place in range(values.type.num_fields))
    return False
