"""What a retry of a split export need not write again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from airflow_provider_apify._files.split import WrittenFile

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context, ObjectStoragePath

_KEY = "apify_export"
# So many files share an entry, so that noting one more costs the same however many there are.
_FILES_IN_ENTRY = 100


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
        if not isinstance(noted, dict) or noted.get("wanted") != self._wanted:
            return []
        full = [self._store.get(_entry(number), default=None) for number in range(noted["full"])]
        if not all(isinstance(entry, dict) for entry in full):
            return []
        return [WrittenFile(**file) for entry in (*full, noted) for file in entry["files"]]

    def note(self, files: Sequence[WrittenFile]) -> None:
        """Remember the files that are finished by now; called after each."""
        if self._store is None:
            return
        full, rest = divmod(len(files), _FILES_IN_ENTRY)
        if files and not rest:
            self._store.set(_entry(full - 1), {"files": [asdict(file) for file in files[-_FILES_IN_ENTRY:]]})
        noted = [asdict(file) for file in files[full * _FILES_IN_ENTRY :]]
        self._store.set(_KEY, {"wanted": self._wanted, "full": full, "files": noted})


def _entry(number: int) -> str:
    """Return the key of an entry that is full."""
    return f"{_KEY}_{number}"


def _is_there(path: ObjectStoragePath, file: WrittenFile) -> bool:
    return path.exists() and path.stat().st_size == file.bytes
