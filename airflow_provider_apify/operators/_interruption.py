"""How a signal of Airflow's stops a task without doing anything inside of the signal handler."""

from __future__ import annotations

from contextlib import AbstractContextManager
from types import TracebackType
from typing import Self


class Interrupted(BaseException):
    """The task was told to stop, and was where it can stop; nobody catches it but :class:`TaskRun`."""


class Interruption(AbstractContextManager["Interruption"]):
    """Where a task can be stopped: inside of its blocks, and when it comes to the next one.

    The handler of a signal interrupts anything: a question to Airflow, whose answer nobody would read, or a line of the
    log, whose lock would never be freed. So it raises only where requests are sent to Apify and where it is waited.

    :ivar is_told: whether the task was told to stop.
    """

    def __init__(self) -> None:
        self.is_told = False
        self._is_open = False

    def tell(self) -> None:
        """Stop the task. Called by a signal handler."""
        self.is_told = True
        self._stop_where_it_can_be()

    def close(self) -> None:
        """Stop nothing any more, whatever the task was in the middle of."""
        self._is_open = False

    def __enter__(self) -> Self:
        """Come to where the task can be stopped."""
        self._is_open = True
        if self.is_told:
            self._stop_where_it_can_be()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Leave it again."""
        self._is_open = False

    def _stop_where_it_can_be(self) -> None:
        if self._is_open:
            self._is_open = False
            raise Interrupted
