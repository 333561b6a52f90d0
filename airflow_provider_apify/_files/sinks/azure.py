"""Blobs of Azure through adlfs."""

from __future__ import annotations

import errno
import uuid
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import TYPE_CHECKING, Any

from airflow_provider_apify._files.sinks.uploads import Block, ChunkUploads, run_on

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import ObjectStoragePath

_MISSING = 404
_REFUSED = (401, 403)


class AzureSink:
    """Stage blocks and commit their list; nobody sees a block before.

    What is not committed, Azure forgets with the next commit of that blob, or after a week. A blob that somebody else
    commits in the meantime takes the blocks with it: then this commit fails, and the other's file stays.
    """

    def __init__(self, path: ObjectStoragePath) -> None:
        self._fs: Any = path.fs
        container, blob, _ = self._fs.split_path(path.path)
        self._blob = self._fs.service_client.get_blob_client(container, blob)
        self._names: list[str] = []
        self._chunks = ChunkUploads(self._fs.loop, self._stage)

    def write(self, block: Block, /) -> None:
        """Append bytes.

        :raises OSError: Azure refuses them.
        """
        with _os_errors():
            self._chunks.write(block)

    def commit(self) -> None:
        """Let the blob appear in place of the old one."""
        from azure.storage.blob import BlobBlock  # noqa: PLC0415 - only this storage needs it

        with _os_errors():
            self._chunks.finish()
            run_on(self._fs.loop, self._blob.commit_block_list([BlobBlock(name) for name in self._names]))

    def discard(self) -> None:
        """Leave the blocks to Azure, which forgets them."""
        self._chunks.settle()

    def _stage(self, _: int, chunk: BytesIO) -> Coroutine[None, None, Any]:
        # As long as the names that adlfs gives: all blocks of a blob need names of the same length.
        self._names.append(uuid.uuid4().hex)
        return self._blob.stage_block(self._names[-1], chunk, length=chunk.getbuffer().nbytes)  # type: ignore[no-any-return]


@contextmanager
def _os_errors() -> Iterator[None]:
    """Turn what Azure answers into errors that every storage has."""
    from azure.core.exceptions import AzureError, HttpResponseError  # noqa: PLC0415 - only this storage needs it

    try:
        yield
    except HttpResponseError as error:
        status = error.status_code
        if status == _MISSING:
            raise FileNotFoundError(errno.ENOENT, error.message) from error
        if status in _REFUSED:
            raise PermissionError(errno.EACCES, error.message) from error
        raise OSError(errno.EIO, error.message) from error
    except AzureError as error:
        raise OSError(errno.EIO, str(error)) from error
