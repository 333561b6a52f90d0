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

    def write(self, block: Block, /) -> None:
        """Append bytes."""
        self._file.write(block)

    def commit(self) -> None:
        """Let the object appear in place of the old one."""
        self._file.close()
        self._file.commit()

    def discard(self) -> None:
        """Cancel the upload."""
        self._file.closed = True  # else it would begin another upload when it is collected
        self._file.discard()
