"""What a retry of a split export need not write again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from airflow_provider_apify.export.parts import WrittenFile

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context, ObjectStoragePath

_KEY = "apify_export"


class Checkpoint:
    """The files that earlier attempts of this task have finished, where Airflow (3.3 and later) remembers them.

    :param wanted: what the files depend on; those of an export of anything else do not count.
    :param path: of a part, counted from 0. Where a file is not there as it was left, for example on another worker,
        none counts.
    """

    def __init__(self, context: Context, wanted: str, path: Callable[[int], ObjectStoragePath]) -> None:
        self._store: Any = context.get("task_state_store")
        # A clear raises max_tries, a retry does not.
        self._wanted = f"{wanted} {context['ti'].max_tries}"
        files = self._noted()
        self.files = files if all(_is_there(path(number), file) for number, file in enumerate(files)) else []

    def _noted(self) -> list[WrittenFile]:
        noted: Any = self._store.get(_KEY, default=None) if self._store is not None else None
        is_ours = isinstance(noted, dict) and noted.get("wanted") == self._wanted
        return [WrittenFile(**file) for file in noted["files"]] if is_ours else []

    def note(self, files: Sequence[WrittenFile]) -> None:
        """Remember the files that are finished by now."""
        if self._store is not None:
            self._store.set(_KEY, {"wanted": self._wanted, "files": [asdict(file) for file in files]})


def _is_there(path: ObjectStoragePath, file: WrittenFile) -> bool:
    return path.exists() and path.stat().st_size == file.bytes
