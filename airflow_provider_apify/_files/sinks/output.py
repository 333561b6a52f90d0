"""What stands between lines and a file: compression, a digest, and the count of both, on a thread of their own."""

from __future__ import annotations

import errno
import hashlib
import zlib
from collections.abc import Callable, Mapping
from types import MappingProxyType, TracebackType
from typing import Protocol, Self

from airflow_provider_apify._extras import import_extra
from airflow_provider_apify._files.sinks.beside import Beside
from airflow_provider_apify._files.sinks.uploads import Block

# Each write through ObjectStoragePath costs about 20 microseconds, so small pieces are joined first.
_BLOCK_BYTES = 2**20
# Blocks that may wait for the thread: so much more is read while the sink keeps it waiting. Large pieces are cut into
# blocks, so that this bounds the memory, too.
_WAITING = 24


class Taker(Protocol):
    """Takes the bytes of a file."""

    def write(self, data: Block, /) -> object:
        """Append bytes."""


class Compressor(Protocol):
    """Compresses a stream."""

    def compress(self, data: Block, /) -> bytes:
        """Return what is ready after these bytes."""

    def flush(self) -> bytes:
        """Return the rest."""


def _gzip() -> Compressor:
    return zlib.compressobj(6, zlib.DEFLATED, 16 + zlib.MAX_WBITS)


def _zstd() -> Compressor:
    compressor: Compressor = import_extra("zstd", "zstandard").ZstdCompressor().compressobj()
    return compressor


COMPRESSIONS: Mapping[str, Callable[[], Compressor]] = MappingProxyType({"gzip": _gzip, "zstd": _zstd})
NONE = "none"
"""Stands for no compression, whatever the path's ending."""
ENDINGS: Mapping[str, str] = MappingProxyType({".gz": "gzip", ".zst": "zstd"})
"""The compression that the ending of a path, in lower case, stands for."""


def compression_of(path: str, chosen: str | None) -> str | None:
    """Return the compression that is chosen, else the one that the path's ending names, else ``None``.

    :param chosen: of :data:`COMPRESSIONS`, or :data:`NONE`.
    :raises ValueError: no such compression, or another one than the path's ending names.
    """
    named = next((name for ending, name in ENDINGS.items() if path.lower().endswith(ending)), None)
    if not chosen:
        return named
    if chosen not in (*COMPRESSIONS, NONE):
        raise ValueError(f"compression is {chosen!r}. Give one of {', '.join((*COMPRESSIONS, NONE))}.")
    if named and chosen not in (named, NONE):
        raise ValueError(f"compression is {chosen!r}, but the path's ending means {named}: change one of them.")
    return None if chosen == NONE else chosen


def bare(path: str) -> str:
    """Return a path without an ending that stands for a compression, in any case of letters."""
    ending = next((ending for ending in ENDINGS if path.lower().endswith(ending)), "")
    return path[: len(path) - len(ending)]


class Output:
    """Write a file in large blocks, and know its size and digest when the ``with`` block has ended well.

    Compressing, the digest and the writing are done beside what the caller does: waiting for the next bytes, and
    looking at them. After a write that has failed, or was interrupted, it takes nothing, so that no file is completed
    that lacks something in the middle.

    :param sink: takes the file's bytes.
    :param compression: of :data:`COMPRESSIONS`; ``None`` for none.
    :ivar taken: bytes taken so far, before compression.
    :ivar size: bytes of the file.
    """

    def __init__(self, sink: Taker, compression: str | None = None) -> None:
        self._sink = sink
        self._compressor = COMPRESSIONS[compression]() if compression else None
        self._block = bytearray()
        self._digest = hashlib.sha256()
        work = self._compress if self._compressor else self._put
        self._beside: Beside[Block] = Beside("apify-output", work, _WAITING)
        self._has_hole = False
        self.taken = 0
        self.size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is not None:
            self._beside.give_up()
            return
        try:
            self._refuse_holes()
            self._flush()
            self._beside.finish()
        except BaseException:
            self._beside.give_up()
            raise
        if self._compressor:
            self._put(self._compressor.flush())

    @property
    def sha256(self) -> str:
        """The digest of the file, in hexadecimal."""
        return self._digest.hexdigest()

    def write(self, data: bytes | memoryview) -> None:
        """Append bytes.

        :raises OSError: the sink could not take earlier ones, or a signal interrupted the writing of them.
        """
        self._refuse_holes()
        self._has_hole = True  # unless all of this is done, whatever ends it
        self.taken += len(data)
        if len(data) >= _BLOCK_BYTES // 8:
            self._flush()
            self._hand_over(data)
        else:
            self._block += data
            if len(self._block) >= _BLOCK_BYTES:
                self._flush()
        self._has_hole = False

    def _refuse_holes(self) -> None:
        if self._has_hole:
            raise OSError(errno.EIO, "An earlier write did not end well, and what it was to append is lost")

    def _hand_over(self, data: bytes | memoryview) -> None:
        whole = memoryview(data if memoryview(data).readonly else bytes(data))  # else it may change meanwhile
        for start in range(0, len(data), _BLOCK_BYTES):
            self._beside.put(whole[start : start + _BLOCK_BYTES])

    def _flush(self) -> None:
        if self._block:
            block, self._block = self._block, bytearray()
            self._beside.put(block)

    def _compress(self, block: Block) -> None:
        assert self._compressor is not None  # noqa: S101 - for mypy
        self._put(self._compressor.compress(block))

    def _put(self, block: Block) -> None:
        if block:
            self._sink.write(block)
            self._digest.update(block)
            self.size += len(block)
