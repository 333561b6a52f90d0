"""What a task remembers of its run between attempts; where nothing is kept, its runs are looked for at Apify."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pendulum

from airflow_provider_apify._airflow.state_store import TaskNotes
from airflow_provider_apify._api.runs.finding import Trace

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context


class RunMemory:
    """The memory of one task instance.

    :param context: of the running attempt.
    :ivar may_have_started: whether another attempt, of this rerun or another, may have started a run that nobody has
        noted.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._state = TaskNotes(context, "apify_run")
        self._noted = self._state.read()
        self._before_intent = self._noted
        self._idle = TaskNotes(context, "apify_idle_attempts")  # of its own: it must not replace a note of a run
        # Nothing noted of attempts that were not idle: by an older Airflow, or the state was cleared.
        has_forgotten = not self._noted and not self._were_all_idle()
        self.may_have_started = self._is_pending or has_forgotten

    @property
    def run_id(self) -> str | None:
        """The run that was noted last."""
        return self._noted.get("run_id")

    @property
    def is_kept(self) -> bool:
        """Whether this Airflow has a store."""
        return self._state.is_kept

    def trace(self, *, is_quiet: bool) -> Trace:
        """Return what is known of earlier attempts.

        :param is_quiet: whether no start of theirs can be under way any more.
        """
        return Trace(
            noted={self.run_id: self._noted["rerun"]} if self.run_id else {},
            may_have_started=self.may_have_started,
            began=began(self._context),
            since=self._pending_since or began(self._context),
            sent_at=self._pending_since,
            is_quiet=is_quiet,
        )

    def note_intent(self) -> None:
        """Note that a start may be sent from now on; what earlier attempts have sent was looked for before.

        What Airflow raises then is passed on: without the note, the next attempt could miss the run.
        """
        now, self._before_intent = time.time(), self._noted
        self._note({**self._noted, "is_pending": True, "since": now})

    def withdraw_intent(self) -> None:
        """Note that nothing was started after all, so that the next attempt need not look for it."""
        self._note({"is_pending": False, **self._before_intent})

    def note_idle(self) -> None:
        """Note that this attempt has not begun to start anything, so that no later one takes it for one that may."""
        self._idle.note({"attempts": [*self._idle_attempts, self._context["ti"].try_number]})

    def note_run(self, run_id: str, rerun: int) -> None:
        """Note the run.

        :param rerun: which it was started for, see :class:`Identity`.
        """
        self._note({"run_id": run_id, "rerun": rerun})

    @property
    def _pending_since(self) -> float | None:
        """Unix time since when a start may have been sent that nobody has noted; ``None`` where there is none."""
        return float(self._noted["since"]) if self._is_pending else None

    @property
    def _is_pending(self) -> bool:
        """Whether an attempt has begun to start a run and has not noted it."""
        return bool(self._noted.get("is_pending", False))

    def _were_all_idle(self) -> bool:
        """Tell whether no attempt before this one has begun to start anything."""
        earlier = range(1, self._context["ti"].try_number)
        return not earlier or set(earlier) <= set(self._idle_attempts)

    @property
    def _idle_attempts(self) -> list[int]:
        attempts: list[int] = self._idle.read().get("attempts", [])
        return attempts

    def _note(self, noted: dict[str, Any]) -> None:
        self._noted = noted
        self._state.note(noted)


def began(context: Context) -> float:
    """Return the Unix time when the DAG run began."""
    return (context["dag_run"].start_date or pendulum.now("UTC")).timestamp()
