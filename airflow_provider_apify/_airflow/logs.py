"""What a log of Airflow can do, whichever class its version gives to tasks and triggers."""

from __future__ import annotations

from typing import Protocol


class TaskLog(Protocol):
    """The log of a task or a trigger."""

    def info(self, message: str, /, *args: object) -> object:
        """Write a line."""

    def warning(self, message: str, /, *args: object) -> object:
        """Write a line that somebody should read."""

    def error(self, message: str, /, *args: object) -> object:
        """Write a line about something that somebody has to look after."""
