"""What a task notes for its later attempts: the task state store of Airflow 3.3 and later.

It is kept through retries and clears, for 30 days unless Airflow is told otherwise (``[state_store]
default_retention_days``). Older ones keep nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_apify._airflow.logs import TaskLog

STORE = "task_state_store"
"""Where Airflow's context has the store."""


class TaskNotes:
    """The notes of one task instance under one name.

    :param key: the name.
    """

    def __init__(self, context: Context, key: str) -> None:
        self._store: Any = context.get(STORE)
        self._key = key

    @property
    def is_kept(self) -> bool:
        """Whether this Airflow has a store."""
        return self._store is not None

    def read(self) -> dict[str, Any]:
        """Return what was noted last; nothing of it where there is none."""
        noted = self._store.get(self._key, default=None) if self.is_kept else None
        return noted if isinstance(noted, dict) else {}

    def note(self, noted: dict[str, Any]) -> None:
        """Note something, in place of what was noted before.

        :raises Exception: Airflow refuses it, or is away; each Airflow has errors of its own.
        """
        if self.is_kept:
            self._store.set(self._key, noted)

    def try_to_note(self, noted: dict[str, Any], log: TaskLog, otherwise: str) -> bool:
        """Note something that a later attempt can do without, so that a note that fails ends nothing.

        :param otherwise: what a later attempt does then, for the log.
        :return: whether it is noted.
        """
        try:
            self.note(noted)
        except Exception as trouble:  # noqa: BLE001 - each Airflow has errors of its own
            log.warning("Airflow has not kept the note of the task; %s: %s", otherwise, trouble)
            return False
        return True
