"""Files that appear whole or not at all."""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Protocol

from airflow.providers.common.compat.lineage.hook import get_hook_lineage_collector

from airflow_provider_apify._extras import installing
from airflow_provider_apify._files.targets.output import Output
from airflow_provider_apify._files.targets.uploads import Block

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import ObjectStoragePath

log = logging.getLogger(__name__)

# The sink of each scheme that Airflow knows. Each one's driver is imported when it is first used.
_SINKS = (
    dict.fromkeys(("", "file", "local"), "local.LocalSink")
    | dict.fromkeys(("s3", "s3a", "s3n"), "s3.S3Sink")
    | dict.fromkeys(("abfs", "abfss", "adl"), "azure.AzureSink")
    | dict.fromkeys(("sftp", "ssh"), "sftp.SftpSink")
    | dict.fromkeys(("gs", "gcs"), "google.HeldBackSink")
)
# The extra that brings the driver of a sink's module.
_EXTRAS = {"s3": "s3", "azure": "azure", "sftp": "sftp", "google": "gcs"}


# What stands before a version in a path: the drivers cut it off, and would write another object.
_VERSIONS = {"s3": "?versionId=", "azure": "?versionid="}


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
    """Open a target that replaces what is there when the block ends well, and leaves it untouched when it does not.

    Local and SFTP files are written beside the target and renamed; objects are uploaded in parts, and the upload is
    completed or given up. Each sink says what becomes of the parts of a writer that died. Then the file is reported as
    an output to Airflow's hook lineage, as ``ObjectStoragePath.open`` does.

    :param compression: of :data:`COMPRESSIONS`; ``None`` for none.
    :raises OSError: the target cannot be written.
    :raises ValueError: the storage has no way to hold a file back until it is whole.
    """
    with os_errors():
        sink = _sink_class(path)(path)
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


def check_storage(url: str) -> None:
    """Check that a file can be held back until it is whole in storages of a path's kind.

    :raises ValueError: it cannot, or the path names a version of one.
    """
    scheme = _scheme(url)
    if scheme not in _SINKS:
        raise ValueError(
            f"in {scheme}:// no file can appear whole or not at all. Write s3://, gs:// (Google Cloud Storage), "
            "abfs:// (Azure Blob) or sftp://, or a local path that begins with '/'",
        )
    version = _VERSIONS.get(_module(url), "")
    if version and version in url:
        raise ValueError(f"{version} in it names a version of a file, and only new ones are written: leave it out")


def storage_path(url: str, conn_id: str | None = None) -> ObjectStoragePath:
    """Return the path of a file, after making sure that it can be held back there until it is whole.

    :param url: an absolute local path or a URL, of which Airflow reads all characters as they are.
    :param conn_id: of the storage; ``None`` takes the one in the URL or the storage's default.
    :raises ImportError: the storage's driver is not installed.
    :raises ValueError: there is no such storage, its files show before they are whole, or no file can have this name.
    :raises OSError: the storage cannot be reached, or refuses the connection's login.
    """
    from airflow.providers.common.compat.sdk import ObjectStoragePath  # noqa: PLC0415 - imports Airflow

    check_storage(url)  # Airflow does not say what to write instead
    # On older Airflows, a connection that is None hides the one in the URL.
    path = ObjectStoragePath(url, conn_id=conn_id) if conn_id else ObjectStoragePath(url)
    with os_errors(ImportError, ValueError):
        _sink_class(path)
        path.fs  # noqa: B018 - the property connects
    if not url.endswith(path.name):
        raise ValueError(f"Airflow reads it as {path.path}, because of a character in its name")
    return path


def advice(url: str, error: OSError) -> str:
    """Return what to look at when a file cannot be written or read, as the end of a message."""
    if _module(url) == "local":
        return _local_advice(error)
    if isinstance(error, FileNotFoundError):
        return " Is its bucket, container or folder there?"
    if isinstance(error, PermissionError):
        return " Look at the storage's connection: its login, and what it may do there."
    return ""


def driver_advice(url: str) -> str:
    """Return how a storage's driver is installed, as the end of a message; empty where none is needed."""
    extra = extra_of(url)
    return f" If its driver is not installed: {installing(extra)}." if extra else ""


def extra_of(url: str) -> str | None:
    """Return the extra of this package that brings a storage's driver; ``None`` where none is needed or known."""
    return _EXTRAS.get(_module(url))


def _local_advice(error: OSError) -> str:
    if isinstance(error, (FileExistsError, NotADirectoryError)):
        return " A file stands where a folder should be: give another path, or remove it."
    if isinstance(error, FileNotFoundError):
        return " Is its folder there?"
    if isinstance(error, PermissionError):
        return " Look at the permissions of its folder, and its own, for the user that the worker runs as."
    return ""


def _scheme(url: str) -> str:
    """Return the part before ``://``, in lower case; empty for a local path."""
    scheme, separator, _ = url.partition("://")
    return scheme.lower() if separator and not url.startswith("/") else ""


def _module(url: str) -> str:
    """Return the module of a path's sink; empty where there is none."""
    return _SINKS.get(_scheme(url), "").partition(".")[0]


def _sink_class(path: ObjectStoragePath) -> Callable[[ObjectStoragePath], Sink]:
    check_storage(str(path))
    module, name = _SINKS[path.protocol].split(".")
    sink: Callable[[ObjectStoragePath], Sink] = getattr(
        import_module(f"airflow_provider_apify._files.targets.{module}"), name
    )
    return sink


@contextmanager
def os_errors(*passed: type[Exception]) -> Iterator[None]:
    """Turn any error of a driver into an ``OSError``: drivers have no error in common.

    Those of ``requests`` are an ``OSError`` already, but would be taken for Apify's where an answer of Apify is read.

    :param passed: errors that stay what they are.
    """
    try:
        yield
    except Exception as error:
        from requests import RequestException  # noqa: PLC0415 - a DAG file that imports an operator does not need it

        if isinstance(error, (OSError, *passed)) and not isinstance(error, RequestException):
            raise
        raise OSError(errno.EIO, f"{type(error).__name__}: {error}") from error


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
