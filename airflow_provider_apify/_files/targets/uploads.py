"""What sinks have in common: how a file in the making is named, when it counts as abandoned, how parts are uploaded."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections import deque
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, wait
from datetime import timedelta
from io import BytesIO
from typing import Generic, TypeAlias, TypeVar

Block: TypeAlias = bytes | bytearray | memoryview
Receipt = TypeVar("Receipt")

# Where nobody can tell whether a writer lives, one that has sent nothing for so long is dead. Airflow waits as long
# before it retries a task.
ABANDONED_AFTER = timedelta(minutes=5)

PART_BYTES = 8 * 2**20
_PARTS_AT_ONCE = 2
_SMALL_PARTS = 5_000


def part_prefix(name: str) -> str:
    """Return how the names of all files begin that are to become the file of this name.

    The name is hashed, so that it needs no escaping and is never too long. The dot hides it from listings and loaders.
    """
    return f".apify-{hashlib.sha256(name.encode()).hexdigest()[:12]}-"


def new_part_name(name: str) -> str:
    """Return a name, unlike any other, for a file that is to become the one of this name."""
    return f"{part_prefix(name)}{secrets.token_hex(4)}.part"


def part_size(number: int) -> int:
    """Return the size of a part in bytes; the first has number 1.

    S3 takes 10,000 parts of equal size or not, Azure 50,000 blocks: with the later ones larger, 360 GB fit into 10,000.
    """
    return PART_BYTES if number <= _SMALL_PARTS else 8 * PART_BYTES


def run_on(loop: asyncio.AbstractEventLoop, coroutine: Coroutine[None, None, Receipt]) -> Receipt:
    """Return what a coroutine returns that runs on a loop in another thread."""
    return asyncio.run_coroutine_threadsafe(coroutine, loop).result()


class PartUploads(Generic[Receipt]):
    """Cut what is written into parts and upload a few at a time, on the event loop of the storage's driver.

    In memory are the parts on their way, and the one being filled.

    :param loop: where the driver lives, in a thread of its own.
    :param upload: called in the writer's thread with a part's number, from 1, and its bytes; returns its upload.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        upload: Callable[[int, BytesIO], Coroutine[None, None, Receipt]],
    ) -> None:
        self._loop = loop
        self._upload = upload
        self._part = BytesIO()
        self._on_their_way: deque[Future[Receipt]] = deque()
        self._receipts: list[Receipt] = []

    @property
    def has_sent(self) -> bool:
        """Whether any part was sent; if not, all that was written is in memory."""
        return self._number > 1

    def write(self, block: Block, /) -> None:
        """Append bytes; wait while enough parts are on their way."""
        rest = memoryview(block)
        while rest:
            size = part_size(self._number)
            rest = rest[self._part.write(rest[: size - self._part.tell()]) :]
            if self._part.tell() == size:
                self._send()

    def take(self) -> BytesIO:
        """Return what has not been sent, and start a new part."""
        part, self._part = self._part, BytesIO()
        part.seek(0)
        return part

    def finish(self) -> list[Receipt]:
        """Send the rest, wait for all parts and return their answers in order."""
        if self._part.tell():
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
        while len(self._on_their_way) >= _PARTS_AT_ONCE:
            self._collect()
        upload = self._upload(self._number, self.take())
        self._on_their_way.append(asyncio.run_coroutine_threadsafe(upload, self._loop))

    def _collect(self) -> None:
        self._receipts.append(self._on_their_way[0].result())
        self._on_their_way.popleft()
