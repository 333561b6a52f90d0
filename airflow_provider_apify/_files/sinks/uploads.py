"""Uploading a file in chunks: what S3 calls parts, and Azure blocks."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, wait
from io import BytesIO
from typing import Generic, TypeAlias, TypeVar

Block: TypeAlias = bytes | bytearray | memoryview
Receipt = TypeVar("Receipt")

CHUNK_BYTES = 8 * 2**20
_CHUNKS_AT_ONCE = 2
_SMALL_CHUNKS = 5_000


def chunk_size(number: int) -> int:
    """Return the size of a chunk in bytes; the first has number 1.

    S3 takes 10,000 parts, equal or not, Azure 50,000 blocks: with the later ones larger, 360 GB fit into 10,000.
    """
    return CHUNK_BYTES if number <= _SMALL_CHUNKS else 8 * CHUNK_BYTES


def run_on(loop: asyncio.AbstractEventLoop, coroutine: Coroutine[None, None, Receipt]) -> Receipt:
    """Return what a coroutine returns that runs on a loop in another thread."""
    return asyncio.run_coroutine_threadsafe(coroutine, loop).result()


class ChunkUploads(Generic[Receipt]):
    """Cut what is written into chunks and upload a few at a time, on the event loop of the storage's driver.

    In memory are the chunks on their way, and the one being filled.

    :param loop: where the driver lives, in a thread of its own.
    :param upload: called in the writer's thread with a chunk's number, from 1, and its bytes; returns its upload.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        upload: Callable[[int, BytesIO], Coroutine[None, None, Receipt]],
    ) -> None:
        self._loop = loop
        self._upload = upload
        self._chunk = BytesIO()
        self._on_their_way: deque[Future[Receipt]] = deque()
        self._receipts: list[Receipt] = []

    @property
    def has_sent(self) -> bool:
        """Whether any chunk was sent; if not, all that was written is in memory."""
        return self._number > 1

    def write(self, block: Block, /) -> None:
        """Append bytes; wait while enough chunks are on their way."""
        rest = memoryview(block)
        while rest:
            size = chunk_size(self._number)
            rest = rest[self._chunk.write(rest[: size - self._chunk.tell()]) :]
            if self._chunk.tell() == size:
                self._send()

    def take(self) -> BytesIO:
        """Return what has not been sent, and start a new chunk."""
        chunk, self._chunk = self._chunk, BytesIO()
        chunk.seek(0)
        return chunk

    def finish(self) -> list[Receipt]:
        """Send the rest, wait for all chunks and return their answers in order."""
        if self._chunk.tell():
            self._send()
        while self._on_their_way:
            self._collect()
        return self._receipts

    def settle(self) -> None:
        """Wait until nothing is on its way, whatever becomes of it: so that nothing arrives after a clean-up."""
        wait(self._on_their_way)

    @property
    def _number(self) -> int:
        return len(self._receipts) + len(self._on_their_way) + 1

    def _send(self) -> None:
        while len(self._on_their_way) >= _CHUNKS_AT_ONCE:
            self._collect()
        upload = self._upload(self._number, self.take())
        self._on_their_way.append(asyncio.run_coroutine_threadsafe(upload, self._loop))

    def _collect(self) -> None:
        self._receipts.append(self._on_their_way[0].result())
        self._on_their_way.popleft()
