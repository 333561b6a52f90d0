"""Files of this machine, or of a folder mounted on it."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from contextlib import closing, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

from airflow_provider_apify._files.sinks.beside import Beside
from airflow_provider_apify._files.sinks.drafts import draft_prefix, new_draft_name
from airflow_provider_apify._files.sinks.uploads import Block

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import ObjectStoragePath

_TRIES = 5
# The disk begins while there is still something to download, so that the end need not wait for it.
_SYNC_BYTES = 32 * 2**20


class LocalSink:
    """Write a draft, a hidden file beside the destination, and rename it.

    A draft is locked while its writer lives. So the next writer of the same file can tell which ones were
    left behind, and removes them. Folders are made as needed, links are followed; mode and owner of a file that is
    replaced stay, as far as the worker's user may set them.

    :raises OSError: the folder cannot be made or written, or there is something else than a file.
    """

    def __init__(self, path: ObjectStoragePath) -> None:
        self._destination = Path(path.path).resolve()
        if self._destination.exists() and not self._destination.is_file():  # a device would be replaced by a file
            raise IsADirectoryError(errno.EISDIR, "There is something else than a file", str(self._destination))
        self._destination.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(self._destination)
        self._draft, self._file = _open_draft(self._destination)
        self._disk = _Disk(self._file)

    def write(self, block: Block, /) -> None:
        """Append bytes; the operating system may take less than it is given."""
        rest = memoryview(block)
        while rest:
            rest = rest[self._file.write(rest) :]
        self._disk.expect(len(block))

    def commit(self) -> None:
        """Put the file in place of the old one, safe from a power cut."""
        self._disk.finish()
        _take_over(self._file.fileno(), self._destination)
        os.fsync(self._file.fileno())
        self._draft.replace(self._destination)
        self._file.close()
        _fsync_folder(self._destination.parent)

    def discard(self) -> None:
        """Remove what was written."""
        with closing(self._file):
            try:
                self._draft.unlink(missing_ok=True)
            finally:
                self._disk.give_up()


class _Disk(Beside[IO[bytes]]):
    """Brings a file to the disk while it is written, on a thread of its own."""

    def __init__(self, file: IO[bytes]) -> None:
        # The file and not its number, which is another file's when this one is closed.
        super().__init__("apify-disk", os.fdatasync, 1)
        self._file, self._unsafe = file, 0

    def expect(self, size: int) -> None:
        """Take note of so many bytes more.

        :raises OSError: the disk could not take earlier ones.
        """
        self._unsafe += size
        if self._unsafe >= _SYNC_BYTES and self.has_room:
            self.put(self._file)
            self._unsafe = 0


def _open_draft(destination: Path) -> tuple[Path, IO[bytes]]:
    """Create and lock a file. Another writer may take it for abandoned before it is locked: then make another one."""
    for _ in range(_TRIES):
        draft = destination.with_name(new_draft_name(destination.name))
        file = draft.open("xb", buffering=0)
        with suppress(OSError):  # no locks on this filesystem: then nobody takes anything for abandoned
            fcntl.flock(file, fcntl.LOCK_EX)
        if os.fstat(file.fileno()).st_nlink:
            return draft, file
        file.close()
    raise FileNotFoundError(errno.ENOENT, "Something removes files as soon as they are made", str(destination.parent))


def _take_over(descriptor: int, old: Path) -> None:
    """Give a file the owner and the mode of the one that it replaces, as far as the worker's user may."""
    with suppress(FileNotFoundError):
        was = old.stat()
        for owner in (was.st_uid, -1):
            with suppress(PermissionError):
                os.fchown(descriptor, owner, was.st_gid)
                break
        os.fchmod(descriptor, stat.S_IMODE(was.st_mode))


def _remove_abandoned(destination: Path) -> None:
    prefix = draft_prefix(destination.name)
    with os.scandir(destination.parent) as entries:
        found = [Path(entry) for entry in entries if entry.name.startswith(prefix)]
    for draft in found:
        # Not ours to remove if it is locked, gone meanwhile, or of another user. NFS locks only what may be written.
        with suppress(OSError), draft.open("r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            draft.unlink()


def _fsync_folder(folder: Path) -> None:
    """Make the rename itself safe from a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
