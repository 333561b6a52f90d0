"""Bytes of a stored file, decompressed."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

from airflow_provider_apify._extras import import_extra
from airflow_provider_apify._files.sinks.storages import os_errors

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import ObjectStoragePath

_PIECE_BYTES = 2**20
# Few bytes can be very many once decompressed: of zstd, these are 32 MiB at most.
_COMPRESSED_BYTES = 1024


class Decompressor(Protocol):
    """Decompresses one stream."""

    @property
    def eof(self) -> bool:
        """Whether the stream is at its end."""

    @property
    def unused_data(self) -> bytes:
        """What follows the stream's end."""

    def decompress(self, data: bytes, /) -> bytes:
        """Return what is ready after these bytes."""


def _gzip() -> Decompressor:
    return zlib.decompressobj(16 + zlib.MAX_WBITS)


def _zstd() -> Decompressor:
    decompressor: Decompressor = import_extra("zstd", "zstandard").ZstdDecompressor().decompressobj()
    return decompressor


_DECOMPRESSIONS: Mapping[str, Callable[[], Decompressor]] = MappingProxyType({"gzip": _gzip, "zstd": _zstd})


def pieces(path: ObjectStoragePath, compression: str | None) -> Iterator[bytes]:
    """Yield a file's bytes.

    :param compression: of :data:`COMPRESSIONS <airflow_provider_apify._files.sinks.output.COMPRESSIONS>`.
    :raises OSError: the file is not there or cannot be read.
    :raises ValueError: it is not compressed like this, or cut.
    """
    return _decompressed(_stored(path), _DECOMPRESSIONS[compression]) if compression else _stored(path)


def _stored(path: ObjectStoragePath) -> Iterator[bytes]:
    with os_errors(ImportError):
        file = path.open("rb")  # type: ignore[no-untyped-call]
    with file:
        while True:
            with os_errors():
                piece: bytes = file.read(_PIECE_BYTES)
            if not piece:
                return
            yield piece


def _decompressed(stored: Iterator[bytes], start: Callable[[], Decompressor]) -> Iterator[bytes]:
    """Decompress one stream after the other: tools append to compressed files like that."""
    stream = start()
    has_begun = False
    for compressed in _slices(stored):
        rest = compressed
        while rest:
            if stream.eof:
                stream = start()
            try:
                yield stream.decompress(rest)
            except Exception as error:
                raise ValueError(f"it is not compressed as its name says: {error}") from error
            has_begun = True
            rest = stream.unused_data if stream.eof else b""
    if not has_begun:
        raise ValueError("it is empty, which no compressed file is: was it written to its end?")
    if not stream.eof:
        raise ValueError("it ends in the middle of its compressed bytes.")


def _slices(stored: Iterator[bytes]) -> Iterator[bytes]:
    for piece in stored:
        for start in range(0, len(piece), _COMPRESSED_BYTES):
            yield piece[start : start + _COMPRESSED_BYTES]
