"""Files of the worker's temporary folder, whose errors say that it is that folder, and not where the file goes."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import IO, Any, Self, cast

from airflow_provider_apify.exceptions import ApifyError


def temporary_file(in_memory: int = 0) -> IO[bytes]:
    """Return a file that is gone when it is closed, and is used like any other.

    :param in_memory: up to so many bytes are kept there; 0 keeps none.
    :raises ApifyError: the folder cannot be written, now or when something is written to it.
    """
    with _naming_the_folder():
        # Who asks for it closes it.
        make = partial(tempfile.SpooledTemporaryFile, in_memory) if in_memory else tempfile.TemporaryFile
        return cast("IO[bytes]", _TemporaryFile(make()))


class _TemporaryFile:
    """A file that says where it is when it cannot be written."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Forget the file; what could not be written does not matter any more."""
        with suppress(OSError):
            self._file.close()

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._file, name)
        return _guarded(found) if callable(found) else found


def _guarded(work: Callable[..., Any]) -> Callable[..., Any]:
    def guarded(*arguments: Any) -> Any:
        with _naming_the_folder():
            return work(*arguments)

    return guarded


@contextmanager
def _naming_the_folder() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        said = f"Cannot use the worker's temporary folder {tempfile.gettempdir()}: {type(error).__name__}: {error}."
        raise ApifyError(
            f"{said} What does not fit in memory waits there: let TMPDIR name a folder with more room."
        ) from error
