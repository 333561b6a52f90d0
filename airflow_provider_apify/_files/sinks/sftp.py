"""Files of an SFTP server through sshfs, which is made of asyncssh."""

from __future__ import annotations

import errno
import logging
import stat
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from airflow_provider_apify._files.sinks import drafts, uploads

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import ObjectStoragePath

log = logging.getLogger(__name__)


class SftpSink:
    """Write a draft, a hidden file beside the destination, and rename it. Folders are made as needed.

    A draft of the same file that has not grown for five minutes was left by a writer that died, and is removed.

    :raises OSError: the folder cannot be made or written, or there is something else than a file.
    """

    def __init__(self, path: ObjectStoragePath) -> None:
        self._fs: Any = path.fs
        self._destination = PurePosixPath(path.path)
        self._draft = self._destination.with_name(drafts.new_draft_name(self._destination.name))
        self._run(self._open())

    def write(self, block: uploads.Block, /) -> None:
        """Append bytes; they are sent in many requests at once.

        :raises OSError: the server refuses them, or the connection is lost.
        """
        self._run(self._file.write(block))

    def commit(self) -> None:
        """Put the file in place of the old one.

        :raises OSError: the server cannot replace a file in one step, and there is one.
        """
        self._run(self._rename())

    def discard(self) -> None:
        """Remove what was written."""
        self._run(self._remove())

    async def _open(self) -> None:
        self._client = await self._fs.client.start_sftp_client()
        folder = self._destination.parent
        if await self._client.exists(self._destination) and not await self._client.isfile(self._destination):
            raise IsADirectoryError(errno.EISDIR, "There is something else than a file", str(self._destination))
        if not await self._client.isdir(folder):
            await self._client.makedirs(folder, exist_ok=True)
        self._file = await self._client.open(self._draft, "xb")
        await self._remove_abandoned()

    async def _remove_abandoned(self) -> None:
        from asyncssh import SFTPError  # noqa: PLC0415 - only this storage needs it

        prefix = drafts.draft_prefix(self._destination.name)
        try:
            now = (await self._client.stat(self._draft)).mtime
            for entry in await self._client.readdir(self._destination.parent):
                if entry.filename.startswith(prefix) and _is_silent(entry.attrs.mtime, now):
                    await self._remove_other(entry.filename)
        except SFTPError as error:  # the folder may not be listed, or another writer was faster
            log.info("Cannot remove what earlier attempts have left: %s", error)

    async def _remove_other(self, name: str) -> None:
        if name != self._draft.name:
            await self._client.remove(self._destination.with_name(name))
            log.info("Removed %s, which an earlier attempt has left", name)

    async def _rename(self) -> None:
        from asyncssh import SFTPFailure, SFTPOpUnsupported  # noqa: PLC0415 - only this storage needs it

        try:
            await self._file.fsync()
        except SFTPOpUnsupported:
            log.debug("The server cannot be told to write to its disk")
        await self._take_mode_over()
        await self._file.close()
        try:
            await self._client.posix_rename(self._draft, self._destination)
        except SFTPOpUnsupported:
            try:
                await self._client.rename(self._draft, self._destination)
            except SFTPFailure as error:
                raise FileExistsError(
                    errno.EEXIST,
                    "The server cannot replace a file in one step (it has no posix-rename). Write to a new name, or "
                    "delete the old file first",
                ) from error
        self._client.exit()

    async def _take_mode_over(self) -> None:
        """Give the file the mode of the one that it replaces; its owner is who is logged in."""
        from asyncssh import SFTPAttrs, SFTPError  # noqa: PLC0415 - only this storage needs it

        try:
            if await self._client.exists(self._destination):
                mode = (await self._client.stat(self._destination)).permissions
                await self._file.setstat(SFTPAttrs(permissions=mode and stat.S_IMODE(mode)))
        except SFTPError as error:
            log.info("Cannot keep the mode of %s: %s", self._destination, error)

    async def _remove(self) -> None:
        await self._file.close()
        await self._client.remove(self._draft)
        self._client.exit()

    def _run(self, coroutine: Coroutine[None, None, uploads.Receipt]) -> uploads.Receipt:
        with _os_errors():
            return uploads.run_on(self._fs.loop, coroutine)


def _is_silent(changed: int | None, now: int | None) -> bool:
    """Return whether a file has not grown for so long that its writer is dead; servers need not say when it did."""
    return changed is not None and now is not None and now - changed >= drafts.ABANDONED_AFTER.total_seconds()


@contextmanager
def _os_errors() -> Iterator[None]:
    """Turn what the server answers into errors that every storage has."""
    import asyncssh  # noqa: PLC0415 - only this storage needs it

    try:
        yield
    except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath) as error:
        raise FileNotFoundError(errno.ENOENT, error.reason) from error
    except (asyncssh.SFTPPermissionDenied, asyncssh.SFTPWriteProtect) as error:
        raise PermissionError(errno.EACCES, error.reason) from error
    except asyncssh.Error as error:
        raise OSError(errno.EIO, error.reason) from error
