"""Where a transfer writes to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal, get_args

from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException

from airflow_provider_apify._arguments.templates import is_template
from airflow_provider_apify._files.sinks.storages import advice, check_storage, driver_advice, storage_path
from airflow_provider_apify.exceptions import ApifyError

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import ObjectStoragePath

IfExists = Literal["overwrite", "fail", "skip"]
PART = "{part}"
"""Stands in a path for the number of a file."""


def check_path(path: Any) -> None:
    """Check a path as far as it is known when the DAG is parsed.

    :raises ValueError: it is neither absolute nor a URL, or that of a folder, or no text.
    """
    if isinstance(path, PathLike) or not (isinstance(path, str) or is_template(path)):
        raise ValueError(
            f"path is {path!r}. Give it as text, such as '/folder/items.jsonl' or 's3://bucket/items.jsonl'."
        )
    if isinstance(path, str) and path.endswith("/"):
        raise ValueError(f"path is {path!r}, a folder. Give that of a file.")
    if is_template(path) or path.startswith("/"):
        return
    scheme, separator, rest = path.partition("://")
    if not separator or (scheme.lower() in {"file", "local"} and not rest.startswith("/")):
        raise ValueError(
            f"path is {path!r}. Give a local path that begins with '/', or a URL such as 's3://bucket/items.jsonl' "
            "or 'file:///folder/items.jsonl'.",
        )


def check_destination(path: Any, if_exists: Any) -> None:
    """Check where to write, as far as it is known when the DAG is parsed.

    :raises ValueError: as of :func:`check_path`; no storage that is written to; no choice of ``if_exists``.
    """
    check_path(path)
    if isinstance(path, str) and not is_template(path.partition("://")[0]):
        try:
            check_storage(path)
        except ValueError as error:
            raise ValueError(f"path is {path!r}, but {error}.") from None
    check_not_templated(if_exists=if_exists)
    if if_exists not in get_args(IfExists):
        raise ValueError(f"if_exists is {if_exists!r}. Give one of {', '.join(get_args(IfExists))}.")


def check_not_templated(**arguments: Any) -> None:
    """Check arguments that Airflow does not render.

    :raises ValueError: one is a template, or the output of another task.
    """
    for name, value in arguments.items():
        if is_template(value):
            raise ValueError(f"{name} is {value!r}, but {name} is not templated: give the value itself.")


@contextmanager
def writing(path: str) -> Iterator[None]:
    """Turn an error of the storage into one that says what could not be written, and what to do about it."""
    try:
        yield
    except OSError as error:
        raise ApifyError(f"Cannot write {path}: {type(error).__name__}: {error}.{advice(path, error)}") from error


class Destination:
    """A path, or a pattern of paths, of a storage and its connection.

    :param pattern: a local path or URL, with :data:`PART` where it stands for several.
    """

    def __init__(self, pattern: str, conn_id: str | None, *, is_split: bool = False) -> None:
        self._pattern, self._conn_id, self._is_split = pattern, conn_id, is_split

    def path(self, number: int = 0) -> ObjectStoragePath:
        """Return the path of a part, counted from 0.

        :raises AirflowFailException: the storage cannot be used.
        :raises OSError: it cannot be reached.
        """
        url = self._pattern.replace(PART, f"{number:05d}") if self._is_split else self._pattern
        try:
            return storage_path(url, self._conn_id)
        except (ImportError, ValueError) as error:
            raise AirflowFailException(f"Cannot write {url}: {error}.{driver_advice(url)}") from error

    def check(self, if_exists: IfExists = "overwrite", *, is_ours: bool = False) -> None:
        """Look whether there is a file already.

        :param is_ours: whether an earlier attempt of this task has written what is there.
        :raises AirflowFailException: the storage cannot be used, or there is a file although there must not be.
        :raises AirflowSkipException: there is a file, and then nothing is to be done.
        """
        path = self.path()
        if if_exists == "overwrite" or is_ours or not path.exists():
            return
        if if_exists == "skip":
            raise AirflowSkipException(f"{path} is there already: skipped, as if_exists says.")
        raise AirflowFailException(f"{path} is there already, and if_exists is 'fail'. Remove it, or overwrite it.")
