"""What a retry of a split export need not write again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from airflow_provider_apify._airflow.attempts import rerun_of
from airflow_provider_apify._airflow.logs import TaskLog
from airflow_provider_apify._airflow.state_store import TaskNotes
from airflow_provider_apify._files.split import Done, WrittenFile

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

    def __init__(self, context: Context, wanted: str, path: Callable[[int], ObjectStoragePath], log: TaskLog) -> None:
        self._context, self._log = context, log
        self._wanted = f"{wanted} {rerun_of(context)}"
        done = self._noted()
        self.done = done if all(_is_there(path(number), file) for number, file in enumerate(done.files)) else Done()

    def _noted(self) -> Done:
        noted = self._entry().read()
        if noted.get("wanted") != self._wanted:
            return Done()
        full = [self._entry(number).read() for number in range(noted["full"])]
        if not all(full):
            return Done()
        return Done([WrittenFile(**file) for entry in (*full, noted) for file in entry["files"]], noted["counts"])

    def note(self, done: Done) -> None:
        """Remember what is finished by now; called after each file."""
        files = done.files
        full, rest = divmod(len(files), _FILES_IN_ENTRY)
        if files and not rest:
            self._note(full - 1, {"files": [asdict(file) for file in files[-_FILES_IN_ENTRY:]]})
        noted = [asdict(file) for file in files[full * _FILES_IN_ENTRY :]]
        self._note(None, {"wanted": self._wanted, "full": full, "files": noted, "counts": list(done.counts)})

    def _note(self, number: int | None, noted: dict[str, Any]) -> None:
        self._entry(number).try_to_note(noted, self._log, "a retry writes the files again")

    def _entry(self, number: int | None = None) -> TaskNotes:
        """Return where files are noted: those of a full entry, or the newest."""
        return TaskNotes(self._context, _KEY if number is None else f"{_KEY}_{number}")


def _is_there(path: ObjectStoragePath, file: WrittenFile) -> bool:
    return path.exists() and path.stat().st_size == file.bytes
