"""What a task remembers of its run between attempts.

Airflow 3.3 and later keep a small state for each task instance, through retries and clears. Older ones keep nothing;
there, the runs of earlier attempts are looked for at Apify.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pendulum

from airflow_provider_apify._api.identity import Identity

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

_KEY = "apify_run"
_EARLIER_RERUN = -1


class RunMemory:
    """The memory of one task instance.

    :param context: of the running attempt.
    :param installation: name of this Airflow, where several share one Apify account.
    """

    def __init__(self, context: Context, *, installation: str = "") -> None:
        self._context = context
        self._store: Any = context.get("task_state_store")
        noted = self._store.get(_KEY, default=None) if self._store is not None else None
        self._noted: dict[str, Any] = noted if isinstance(noted, dict) else {}
        self.identity = Identity.of(context["ti"], installation=installation)

    @property
    def known(self) -> dict[str, int]:
        """The run that was noted last, and the rerun that it belongs to."""
        run_id = self._noted.get("run_id")
        if not run_id:
            return {}
        # A clear of a task at work leaves ``max_tries`` as it is, and so may one after which there are fewer retries.
        was_cleared = self._clears > self._noted.get("clears", self._clears)
        is_done_with = self._noted.get("is_over", False) and was_cleared
        return {run_id: _EARLIER_RERUN if is_done_with else self._noted["rerun"]}

    @property
    def may_have_started(self) -> bool:
        """Whether an attempt, of this rerun or an earlier one, may have started a run that nobody has noted."""
        if self._store is None:
            return self.identity.attempt > 1
        # Nothing noted although there were attempts: by an older Airflow, or the state was cleared.
        return self._is_pending or (self.identity.attempt > 1 and not self._noted)

    @property
    def since(self) -> float:
        """Unix time before which no such run was started."""
        if self._is_pending:
            return float(self._noted["since"])
        return (self._context["dag_run"].start_date or pendulum.now("UTC")).timestamp()

    def note_intent(self) -> None:
        """Note that a start may be sent from now on."""
        if not self._is_pending:
            self._note({**self._noted, "is_pending": True, "since": time.time()})

    def note_run(self, run_id: str) -> None:
        """Note the run."""
        self._note({"run_id": run_id, "rerun": self.identity.rerun, "clears": self._clears})

    def note_over(self, run_id: str) -> None:
        """Note that the task is through with the run, because it was killed or has succeeded.

        If the task was cleared then, the next attempt is no retry. The count of clears alone would not tell: since
        Airflow 3.2 it counts those of other tasks, too.
        """
        self._note({"run_id": run_id, "rerun": self.identity.rerun, "clears": self._clears, "is_over": True})

    @property
    def _clears(self) -> int:
        """How often tasks of the DAG run had been cleared when this process began."""
        return int(self._context["dag_run"].clear_number or 0)

    @property
    def _is_pending(self) -> bool:
        """Whether an attempt has begun to start a run and has not noted it."""
        return bool(self._noted.get("is_pending", False))

    def _note(self, noted: dict[str, Any]) -> None:
        self._noted = noted
        if self._store is not None:
            self._store.set(_KEY, noted)
