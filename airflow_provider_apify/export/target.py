"""Files that appear whole or not at all."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import ObjectStoragePath

# Each write through ObjectStoragePath costs about 20 microseconds, so small pieces are joined first.
_BLOCK_BYTES = 4 * 2**20
# Where an upload that is discarded leaves nothing behind; others publish what they have.
_HOLDING_BACK = {"file", "s3", "s3a", "gs", "gcs", "memory"}


class _Sink(Protocol):
    def write(self, data: bytes, /) -> object: ...


class TargetFile:
    """Write in large blocks, and keep count of what was written.

    :param sink: takes the blocks.
    """

    def __init__(self, sink: _Sink) -> None:
        self._sink = sink
        self._block = bytearray()
        self._sha256 = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes) -> None:
        """Append bytes."""
        self._block += data
        if len(self._block) >= _BLOCK_BYTES:
            self.flush()

    def flush(self) -> None:
        """Hand over what is still held back."""
        if self._block:
            block = bytes(self._block)
            self._sink.write(block)
            self._sha256.update(block)
            self.size += len(block)
            self._block.clear()

    @property
    def sha256(self) -> str:
        """The digest of what was handed over, in hexadecimal."""
        return self._sha256.hexdigest()


@contextmanager
def whole_file(path: ObjectStoragePath) -> Iterator[TargetFile]:
    """Open a target that replaces what is there when the block ends well, and leaves it untouched when it does not.

    Local files are written beside the target and renamed; on object stores the upload is completed or given up.

    :raises OSError: the target cannot be written.
    """
    if "file" in _protocols(path):
        with _local_file(Path(path.path)) as file:
            yield file
    else:
        with _remote_file(path) as file:
            yield file


def check_storage(path: ObjectStoragePath) -> None:
    """Make sure that a file of this storage can be held back until it is whole.

    :raises ImportError: the storage's driver is not installed.
    :raises ValueError: there is no such storage, or its files show before they are whole.
    """
    if not _HOLDING_BACK & set(_protocols(path)):
        raise ValueError(f"files of {path.protocol} would show before they are whole")


def _protocols(path: ObjectStoragePath) -> tuple[str, ...]:
    protocol = path.fs.protocol
    return (protocol,) if isinstance(protocol, str) else tuple(protocol)


@contextmanager
def _local_file(path: Path) -> Iterator[TargetFile]:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with part.open("xb", buffering=0) as sink:
            file = TargetFile(_WriteAll(sink))
            yield file
            file.flush()
            os.fsync(sink.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


class _WriteAll:
    """An unbuffered file may take less than it is given."""

    def __init__(self, raw: IO[bytes]) -> None:
        self._raw = raw

    def write(self, data: bytes, /) -> None:
        view = memoryview(data)
        while view:
            view = view[self._raw.write(view) :]


@contextmanager
def _remote_file(path: ObjectStoragePath) -> Iterator[TargetFile]:
    upload: Any = path.open("wb", autocommit=False, block_size=2 * _BLOCK_BYTES)  # type: ignore[no-untyped-call]
    try:
        file = TargetFile(upload)
        yield file
        file.flush()
    except BaseException:
        upload.discard()
        raise
    upload.close()
    upload.commit()
