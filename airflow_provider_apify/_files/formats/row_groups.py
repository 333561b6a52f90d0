"""Blocks of lines that become the row groups of a Parquet file, beside the download."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq

from airflow_provider_apify._files.formats.parquet_columns import leaves

BLOCK_BYTES = 2**20
# Of a row group, as Arrow has it in memory: many blocks, because readers are slow where these are small.
_GROUP_BYTES = 8 * 2**20
# Each column has a place in each row, whether there is a value or not.
_MOST_CELLS = 2**22


class LineBlocks:
    """Puts pieces of lines together to blocks of whole lines.

    :param add: takes a block.
    :param size: of a block, in bytes, or a little more.
    :ivar open_bytes: how many have come behind the last block.
    """

    def __init__(self, add: Callable[[bytes], None], size: int) -> None:
        self._add, self._size = add, size
        self._open: list[bytes | memoryview] = []
        self.open_bytes = 0

    def take(self, piece: bytes | memoryview) -> None:
        """Take lines, or parts of lines."""
        self._open.append(piece)
        self.open_bytes += len(piece)
        if self.open_bytes >= self._size:
            self.flush()

    def flush(self) -> None:
        """Hand on all lines that are whole, and keep the beginning of the next."""
        block = b"".join(self._open)
        end = block.rfind(b"\n") + 1
        self._open = [block[end:]]
        self.open_bytes = len(block) - end
        if end:
            self._add(block[:end])


class RowGroups:
    """Writes a table block by block; blocks are read and row groups written beside the download, a thread for each.

    :param table: what was written to it before is gone.
    :param read: makes a table with the schema of a block; called in the order of the blocks.
    """

    def __init__(self, table: IO[bytes], schema: pa.Schema, read: Callable[[bytes], pa.Table]) -> None:
        table.seek(0)
        table.truncate()
        self._schema, self._read = schema, read
        # Of scraped texts, dictionaries cost time and make files larger; zstd finds what is repeated.
        self._writer = pq.ParquetWriter(table, schema, compression="zstd", use_dictionary=False)
        self._reading = ThreadPoolExecutor(1, thread_name_prefix="apify-parquet-read")
        self._writing = ThreadPoolExecutor(1, thread_name_prefix="apify-parquet-write")
        self._underway: deque[tuple[int, Future[None]]] = deque()
        self._group: list[pa.Table] = []

    @property
    def has_columns(self) -> bool:
        """Whether rows can be told: Parquet has none without columns."""
        return bool(self._schema.names)

    def add(self, block: bytes) -> None:
        """Append lines.

        :raises Exception: what reading them, or those before, has raised.
        """
        for part in self._parts(block):
            self._wait_for_room(len(part))
            table = self._reading.submit(self._read, part)
            self._underway.append((len(part), self._writing.submit(self._gather, table)))

    def _parts(self, block: bytes) -> Iterator[bytes]:
        """Yield a block in parts for which Arrow needs no more places than a row group is to have."""
        most_lines = max(1, _MOST_CELLS // max(1, leaves(self._schema.types)))
        if block.count(b"\n") <= most_lines:
            yield block
            return
        lines = block.split(b"\n")[:-1]
        for start in range(0, len(lines), most_lines):
            yield b"\n".join([*lines[start : start + most_lines], b""])

    def end(self) -> None:
        """Complete the table.

        :raises Exception: what reading the last lines has raised.
        """
        self._wait_for_room(_GROUP_BYTES + 1)
        self._write()
        self.leave()

    def _wait_for_room(self, size: int) -> None:
        """Wait until no more than a row group is under way: while one is written, the next is read.

        What has failed stays under way, so that nothing is taken behind it.

        :param size: bytes of the block to come, which may be larger than that; then it has to be alone.
        """
        while self._underway and size + sum(each for each, _ in self._underway) > _GROUP_BYTES:
            self._underway[0][1].result()
            self._underway.popleft()

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
