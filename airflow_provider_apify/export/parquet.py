"""Parquet, written here: Apify has no such format.

Lines become row groups, several blocks each, while they are downloaded, with the columns of the first ones. They are
also kept in a temporary file, because a column may turn out otherwise in the last item than in all before: then they
are all written anew.
"""

from __future__ import annotations

import json
import os
import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import IO, Any, Self

import pyarrow as pa
import pyarrow.json as pajson
import pyarrow.parquet as pq

from airflow_provider_apify.exceptions import ApifyDataError
from airflow_provider_apify.export.columns import JSON_TEXT, columns_of, in_one_piece, merged_columns, settled, storable
from airflow_provider_apify.export.depth import check_depth
from airflow_provider_apify.export.reading import Take
from airflow_provider_apify.export.source import Source
from airflow_provider_apify.export.temporary import temporary_file
from airflow_provider_apify.export.walking import Walk

_BLOCK_BYTES = 2**20
# Of a row group, as Arrow has it in memory: many blocks, because readers are slow where these are small.
_GROUP_BYTES = 8 * 2**20
_COPY_BYTES = 2**17
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


class _Drift(Exception):
    """Items do not fit the schema as it is so far."""


def write_parquet(source: Source, take: Take) -> int:
    """Write a Parquet file, compressed with zstd.

    Columns are the fields of all items. A field that is a number in one item and an object in another becomes JSON
    text; a whole number that is a fraction elsewhere becomes a float. Times stay the text that they are. A field that
    is null everywhere becomes text, because many readers know no column without a type.
    """
    with temporary_file() as lines, temporary_file() as table:
        with _Conversion(lines, table) as conversion:
            walk = Walk(source, conversion.take)
            walk.go()
            conversion.finish()
        table.seek(0)
        while piece := table.read(_COPY_BYTES):
            take(piece)
    return walk.records


class _Conversion:
    """Makes a table of lines as they come, with the columns of the first block; where a later one does not fit, anew.

    :param lines: where the lines are kept.
    :param table: becomes the Parquet file.
    """

    def __init__(self, lines: IO[bytes], table: IO[bytes]) -> None:
        self._lines, self._table = lines, table
        self._open_block: list[bytes | memoryview] = []
        self._open_bytes = 0
        self._groups: _RowGroups | None = None
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
        self._open_block.append(piece)
        self._open_bytes += len(piece)
        if self._open_bytes >= _BLOCK_BYTES:
            self._add_lines()

    def _add_lines(self) -> None:
        """Add all lines that are whole, and keep the beginning of the next."""
        block = b"".join(self._open_block)
        end = block.rfind(b"\n") + 1
        self._open_block = [block[end:]]
        self._open_bytes = len(block) - end
        if end:
            self._add(_readable(block[:end]))

    def finish(self) -> None:
        """Complete the table.

        :raises ApifyDataError: no columns fit the items.
        """
        self._add_lines()
        if not self._groups:
            self._add(b"")
        if self._columns is None:
            self._go_on(_RowGroups.end)
        if self._columns is not None:
            self._write_anew(self._columns)
        if self._lines.tell() and self._groups and not (self._columns or self._groups.has_columns):
            raise ApifyDataError("no item has a field, so a Parquet file would lose them; write jsonl, or skip_empty")

    def _add(self, block: bytes) -> None:
        if self._columns is not None:
            self._columns = merged_columns(self._columns, columns_of(block))
            return
        self._groups = self._groups or _RowGroups(self._table, columns_of(block))
        self._go_on(partial(_RowGroups.add, block=block))

    def _go_on(self, write: Callable[[_RowGroups], None]) -> None:
        """Write; where something does not fit, look at all that has come."""
        assert self._groups  # noqa: S101 - for mypy
        try:
            write(self._groups)
        except _Drift:
            self._groups.leave()
            self._columns = {}
            for block in _blocks(self._lines, self._lines.tell() - self._open_bytes):
                self._columns = merged_columns(self._columns, columns_of(block))
            self._lines.seek(0, os.SEEK_END)

    def _write_anew(self, columns: Mapping[str, pa.DataType]) -> None:
        groups = _RowGroups(self._table, columns)
        try:
            for block in _blocks(self._lines, self._lines.tell()):
                groups.add(block)
            groups.end()
        except _Drift as drift:
            raise ApifyDataError(f"the items do not fit a Parquet file: {drift.__cause__}; write jsonl") from drift
        finally:
            groups.leave()


class _RowGroups:
    """Writes a table block by block; blocks are read and row groups written beside the download, a thread for each.

    :param table: what was written to it before is gone.
    :param columns: of the table.
    """

    def __init__(self, table: IO[bytes], columns: Mapping[str, pa.DataType]) -> None:
        table.seek(0)
        table.truncate()
        self._columns = settled(columns)
        self._schema = pa.schema([pa.field(name, storable(kind)) for name, kind in self._columns.items()])
        # Of scraped texts, dictionaries cost time and make files larger; zstd finds what is repeated.
        self._writer = pq.ParquetWriter(table, self._schema, compression="zstd", use_dictionary=False)
        self._reading = ThreadPoolExecutor(1, thread_name_prefix="apify-parquet-read")
        self._writing = ThreadPoolExecutor(1, thread_name_prefix="apify-parquet-write")
        self._underway: deque[tuple[int, Future[None]]] = deque()
        self._group: list[pa.Table] = []

    @property
    def has_columns(self) -> bool:
        """Whether rows can be told: Parquet has none without columns."""
        return bool(self._columns)

    def add(self, block: bytes) -> None:
        """Append lines.

        :raises _Drift: these, or those before, do not fit.
        """
        self._wait_for_room(len(block))
        table = self._reading.submit(_table, block, self._columns, self._schema)
        self._underway.append((len(block), self._writing.submit(self._gather, table)))

    def end(self) -> None:
        """Complete the table.

        :raises _Drift: the last lines do not fit.
        """
        self._wait_for_room(_GROUP_BYTES + 1)
        self._write()
        self.leave()

    def _wait_for_room(self, size: int) -> None:
        """Wait until no more than a row group is under way: while one is written, the next is read.

        :param size: bytes of the block to come, which may be larger than that; then it has to be alone.
        """
        while self._underway and size + sum(each for each, _ in self._underway) > _GROUP_BYTES:
            self._underway.popleft()[1].result()

    def _gather(self, table: Future[pa.Table]) -> None:
        """Put blocks together to a row group."""
        self._group.append(table.result())
        if sum(each.nbytes for each in self._group) >= _GROUP_BYTES:
            self._write()

    def _write(self) -> None:
        if self._group:
            group, self._group = pa.concat_tables(self._group), []
            self._writer.write_table(group)

    def leave(self) -> None:
        """Write no more; pyarrow would, when it forgets an open writer."""
        self._reading.shutdown(cancel_futures=True)
        self._writing.shutdown(cancel_futures=True)
        self._writer.close()


def _blocks(lines: IO[bytes], end: int) -> Iterator[bytes]:
    """Yield the lines up to a place in their file, in blocks."""
    lines.seek(0)
    rest = b""
    while block := lines.read(min(_BLOCK_BYTES, end - lines.tell())):
        whole, line_break, rest_of_block = block.rpartition(b"\n")
        if line_break:
            yield _readable(rest + whole + line_break)
            rest = rest_of_block
        else:
            rest += block


def _readable(block: bytes) -> bytes:
    """Return lines that Arrow can read: it refuses half of a surrogate pair, as scraped text has it.

    :raises ApifyDataError: an item is nested too deep.
    """
    check_depth(block)
    # Few texts have escapes of this kind at all, which is found out much faster.
    return _rewritten(block) if b"\\u" in block and _SURROGATE.search(block) else block


def _table(block: bytes, columns: Mapping[str, pa.DataType], schema: pa.Schema) -> pa.Table:
    """Read a block with the schema.

    :raises _Drift: it does not fit.
    """
    if JSON_TEXT in columns.values():
        texts = {name for name, kind in columns.items() if kind is JSON_TEXT}
        block = _rewritten(
            block, lambda item: {name: _text(item[name]) if name in texts else item[name] for name in item}
        )
    options = pajson.ParseOptions(explicit_schema=schema, unexpected_field_behavior="error")
    try:
        return pajson.read_json(pa.BufferReader(block), in_one_piece(block), options).select(schema.names)
    except (pa.ArrowInvalid, pa.ArrowKeyError) as error:
        raise _Drift from error


def _rewritten(block: bytes, change: Callable[[dict[str, Any]], dict[str, Any]] = lambda item: item) -> bytes:
    """Write items anew; half of a surrogate pair, which is no UTF-8, becomes the replacement character."""
    text = "\n".join(_text(change(json.loads(line))) or "" for line in block.split(b"\n")[:-1]) + "\n"
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()


def _text(value: Any) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
