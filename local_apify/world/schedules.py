"""Schedules: when they are due, and what they start then."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from local_apify.world.clock import Clock, iso, new_id, now
from local_apify.world.cron import Cron
from local_apify.world.errors import ApiError
from local_apify.world.runs import Run

LOG_LINES_KEPT = 1000
Start = Callable[[dict[str, Any]], Run]
"""Starts what an action says; raises ApiError if that is not possible."""


@dataclass(kw_only=True)
class Schedule:
    """A schedule of the user.

    :param actions: by the API's names, each with an id; what is started.
    :param is_exclusive: whether nothing is started while a run of before is still going.
    """

    name: str
    cron_expression: str = "@daily"
    timezone: str = "UTC"
    is_enabled: bool = True
    is_exclusive: bool = True
    title: str | None = None
    description: str | None = None
    actions: Sequence[dict[str, Any]] = ()
    id: str = field(default_factory=new_id)
    created_at: datetime = field(default_factory=now)
    modified_at: datetime = field(default_factory=now)
    last_run_at: datetime | None = None
    runs: list[Run] = field(default_factory=list)
    log: deque[dict[str, str]] = field(default_factory=lambda: deque(maxlen=LOG_LINES_KEPT))

    def next_run_at(self, after: datetime | None = None) -> datetime | None:
        """Return when it is due next; ``None`` if it is not enabled, or never is.

        :param after: now, unless told.
        """
        if not self.is_enabled:
            return None
        return Cron.parse(self.cron_expression).next_after(after or now(), ZoneInfo(self.timezone))

    def note(self, level: str, message: str) -> None:
        """Add a line to its log."""
        self.log.append({"message": message, "level": level, "createdAt": iso(now())})

    def invoke(self, start: Start) -> None:
        """Start what the schedule starts, and say in its log what came of it."""
        if self.is_exclusive and any(not run.is_terminal for run in self.runs):
            self.note("WARN", "Schedule was skipped, because its previous run is still going.")
            return
        self.runs = []
        self.last_run_at = now()
        self.note("INFO", "Schedule invoked")
        for action in self.actions:
            try:
                self.runs.append(start(action))
            except ApiError as error:
                self.note("ERROR", f"Action {action['id']} failed: {error.message}")


class Schedules:
    """All schedules of the account, each waiting for its time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.all: dict[str, Schedule] = {}
        self._waiting: dict[str, asyncio.Task[None]] = {}

    def keep(self, schedule: Schedule, start: Start) -> None:
        """Add a schedule, or take note that it was changed."""
        self.all[schedule.id] = schedule
        self._stop(schedule)
        self._waiting[schedule.id] = asyncio.create_task(self._wait(schedule, start))

    def forget(self, schedule: Schedule) -> None:
        """Delete a schedule."""
        del self.all[schedule.id]
        self._stop(schedule)

    def _stop(self, schedule: Schedule) -> None:
        if schedule.id in self._waiting:
            self._waiting.pop(schedule.id).cancel()

    async def close(self) -> None:
        """Stop to wait."""
        for task in self._waiting.values():
            task.cancel()
        if self._waiting:
            await asyncio.wait(self._waiting.values())

    async def _wait(self, schedule: Schedule, start: Start) -> None:
        due = schedule.next_run_at()
        while due is not None and not await self._clock.closes_within((due - now()).total_seconds()):
            schedule.invoke(start)
            due = schedule.next_run_at(max(due, now()))
