"""Objects of storages whose fsspec driver itself holds a file back until it is committed: Google Cloud Storage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_apify._files.sinks.uploads import CHUNK_BYTES, Block

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import ObjectStoragePath


class HeldBackSink:
    """Make one resumable upload, which is finished or cancelled.

    An upload that a dead writer has left is invisible, and Google ends it after a week.
    """

    def __init__(self, path: ObjectStoragePath) -> None:
        self._file: Any = path.fs.open(path.path, "wb", autocommit=False, block_size=CHUNK_BYTES)
        self._room = CHUNK_BYTES

    def write(self, block: Block, /) -> None:
        """Append bytes, and fill each part: Google takes any size of the last one only, and not each driver knows."""
        rest = memoryview(block)
        while rest:
            piece, rest = rest[: self._room], rest[self._room :]
            self._file.write(piece)
            self._room = self._room - len(piece) or CHUNK_BYTES

    def commit(self) -> None:
        """Let the object appear in place of the old one: the last part says that it is the last."""
        self._file.autocommit = True
        self._file.close()

    def discard(self) -> None:
        """Cancel the upload."""
        self._file.closed = True  # else it would begin another upload when it is collected
        self._file.discard()
