"""What the Actor says of itself, in the task's log while the task waits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_apify.models.runs import ActorRun

if TYPE_CHECKING:
    from airflow_provider_apify._airflow.logs import TaskLog


class ProgressLog:
    """Log a run's status and the Actor's status message whenever they change.

    :param log: of the operator or trigger.
    """

    def __init__(self, log: TaskLog) -> None:
        self._log = log
        self._last = ""

    def __call__(self, run: ActorRun) -> None:
        """Log the run, unless it says what it said before."""
        words = f"Run {run.id} is {run.status}" + (f": {run.status_message}" if run.status_message else "")
        if words != self._last:
            self._last = words
            self._log.info("%s", words)
