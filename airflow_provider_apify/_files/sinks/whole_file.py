"""Files that appear whole or not at all."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from airflow.providers.common.compat.lineage.hook import get_hook_lineage_collector

from airflow_provider_apify._files.sinks.output import Output
from airflow_provider_apify._files.sinks.storages import check_storage, os_errors, storage_of
from airflow_provider_apify._files.sinks.uploads import Block

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import ObjectStoragePath

log = logging.getLogger(__name__)


class Sink(Protocol):
    """Takes the bytes of one file and shows them all at once.

    Used by one thread at a time, not always the same. Every method may wait for the storage. Only a write that hangs is
    not waited for without end: after 20 seconds at most, ``discard`` is called beside it.

    :raises Exception: a driver's own error, if it is not an ``OSError``.
    """

    def write(self, block: Block, /) -> object:
        """Append bytes. The caller may use the block's memory again as soon as this returns."""

    def commit(self) -> None:
        """Show the file in place of the old one. Nothing follows it; but when it fails, ``discard`` does."""

    def discard(self) -> None:
        """Remove what was written, after a failure. Nothing follows it."""


@contextmanager
def whole_file(path: ObjectStoragePath, compression: str | None = None) -> Iterator[Output]:
    """Open a file that replaces what is there when the block ends well, and leaves it untouched when it does not.

    Local and SFTP files are written as drafts beside it and renamed; objects are uploaded in chunks, and the upload is
    completed or given up. Each sink says what becomes of what a writer has left that died. Then the file is reported as
    an output to Airflow's hook lineage, as ``ObjectStoragePath.open`` does.

    :param compression: of :data:`COMPRESSIONS`; ``None`` for none.
    :raises OSError: the file cannot be written.
    :raises ValueError: the storage has no way to hold a file back until it is whole.
    """
    with os_errors():
        check_storage(str(path))
        sink: Sink = storage_of(str(path)).sink_class(path)
    try:
        with Output(_Guarded(sink), compression) as output:
            yield output
        with os_errors():
            sink.commit()
    except BaseException:
        _discard(sink, path)
        raise
    _report(path)


class _Guarded:
    """A sink whose errors are those of any file."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def write(self, block: Block, /) -> None:
        with os_errors():
            self._sink.write(block)


def _report(path: ObjectStoragePath) -> None:
    """Report a file that was written; it is there, whatever becomes of the report."""
    try:
        collector = get_hook_lineage_collector()  # type: ignore[no-untyped-call]
        collector.add_output_asset(context=path, uri=str(path))
    except ValueError as error:
        log.warning("No lineage of %s: it cannot be an asset: %s", path, error)


def _discard(sink: Sink, path: ObjectStoragePath) -> None:
    """Discard, but let nothing that happens meanwhile hide why."""
    try:
        sink.discard()
    except Exception:
        log.exception("Could not remove what was written of %s", path)
