"""What a task waits for, in its log while it waits."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from airflow_provider_apify.models.runs import ActorRun

if TYPE_CHECKING:
    from airflow_provider_apify._airflow.logs import TaskLog

REMINDER_SECONDS = 300.0
"""After so long a silence, a waiting task says again what it waits for."""


class Reminder:
    """Log what is waited for: when it is something else than before, and every few minutes.

    :param log: of the operator or trigger.
    :param clock: seconds, for tests.
    """

    def __init__(self, log: TaskLog, clock: Callable[[], float] = time.monotonic) -> None:
        self._log, self._clock = log, clock
        self._last = ""
        self._told_at = 0.0

    def __call__(self, words: str, *, topic: str = "") -> None:
        """Log the words, unless that was just done.

        :param topic: what tells old from new, where the words change all the time.
        """
        now, topic = self._clock(), topic or words
        if topic != self._last or now >= self._told_at + REMINDER_SECONDS:
            self._last, self._told_at = topic, now
            self._log.info("%s", words)


class ProgressLog:
    """Log a run's status and the Actor's status message whenever they change, and every few minutes.

    :param log: of the operator or trigger.
    :param clock: seconds, for tests.
    """

    def __init__(self, log: TaskLog, clock: Callable[[], float] = time.monotonic) -> None:
        self._remind = Reminder(log, clock)

    def __call__(self, run: ActorRun) -> None:
        """Log the run, unless it says what it said before."""
        self._remind(f"Run {run.id} is {run.status}" + (f": {run.status_message}" if run.status_message else ""))
