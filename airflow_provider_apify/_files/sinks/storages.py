"""The storages that a file can be written to."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from airflow_provider_apify._extras import installing

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import ObjectStoragePath


@dataclass(frozen=True)
class Storage:
    """A family of storages in which a file can be held back until it is whole.

    :param schemes: of the URLs that Airflow knows it by.
    :param sink: what writes there, as ``module.Class`` of this folder.
    :param shown: the URL's beginning, for people; empty for local files, which need none.
    :param extra: what brings its driver, where it needs one.
    :param version: what stands before a version in a path: the driver cuts it off, and would write another object.
    """

    schemes: tuple[str, ...]
    sink: str
    shown: str = ""
    extra: str = ""
    version: str = ""

    @property
    def sink_class(self) -> Callable[[ObjectStoragePath], Any]:
        """Import what writes there, and with it the driver.

        :raises ImportError: the driver is not installed.
        """
        module, name = self.sink.split(".")
        sink: Callable[[ObjectStoragePath], Any] = getattr(import_module(f"{__package__}.{module}"), name)
        return sink


STORAGES: Mapping[str, Storage] = {
    scheme: storage
    for storage in (
        Storage(("", "file", "local"), "local.LocalSink"),
        Storage(("s3", "s3a", "s3n"), "s3.S3Sink", "s3://", "s3", "?versionId="),
        Storage(("gs", "gcs"), "google.HeldBackSink", "gs:// (Google Cloud Storage)", "gcs"),
        Storage(("abfs", "abfss", "adl"), "azure.AzureSink", "abfs:// (Azure Blob)", "azure", "?versionid="),
        Storage(("sftp", "ssh"), "sftp.SftpSink", "sftp://", "sftp"),
    )
    for scheme in storage.schemes
}
"""By the scheme of a URL."""


def storage_of(url: str) -> Storage:
    """Return the storage of a path that :func:`check_storage` has let pass."""
    return STORAGES[_scheme(url)]


def check_storage(url: str) -> None:
    """Check that a file can be held back until it is whole in storages of a path's kind.

    :raises ValueError: it cannot, or the path names a version of one.
    """
    scheme = _scheme(url)
    if scheme not in STORAGES:
        *others, last = dict.fromkeys(storage.shown for storage in STORAGES.values() if storage.shown)
        raise ValueError(
            f"in {scheme}:// no file can appear whole or not at all. Write {', '.join(others)} or {last}, "
            "or a local path that begins with '/'",
        )
    version = storage_of(url).version
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
        storage_of(url).sink_class  # noqa: B018 - the property imports the driver
        path.fs  # noqa: B018 - the property connects
    if not url.endswith(path.name):
        raise ValueError(f"Airflow reads it as {path.path}, because of a character in its name")
    return path


def advice(url: str, error: OSError) -> str:
    """Return what to look at when a file cannot be written or read, as the end of a message."""
    if not storage_of(url).shown:
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


def extra_of(url: str) -> str:
    """Return the extra of this package that brings a storage's driver; empty where none is needed or known."""
    return STORAGES[_scheme(url)].extra if _scheme(url) in STORAGES else ""


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
