"""How far an export is, in the task's log."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_apify._airflow.logs import TaskLog

_EVERY_SECONDS = 10.0
_MEGABYTE = 1e6


class ExportProgress:
    """Log a long export's progress every ten seconds.

    :param item_count: how many items there are, as far as Apify knows.
    :param clock: seconds, for tests.
    """

    def __init__(self, log: TaskLog, item_count: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._log, self._item_count, self._clock = log, item_count, clock
        self._bytes = 0
        self._items = 0
        self._began = self._said = clock()

    def reach(self, position: int) -> None:
        """Take note of how many items have come."""
        self._items = position
        self._say_now_and_then()

    def add(self, size: int) -> None:
        """Take note of so many bytes more."""
        self._bytes += size
        self._say_now_and_then()

    def _say_now_and_then(self) -> None:
        now = self._clock()
        if now - self._said >= _EVERY_SECONDS:
            self._said = now
            self._log.info("%s", self._words(now - self._began))

    def _words(self, seconds: float) -> str:
        words = []
        if self._items:
            words.append(f"{self._items:,} of {max(self._items, self._item_count):,} items")
        if self._bytes:
            megabytes = self._bytes / _MEGABYTE
            words.append(f"{megabytes:,.0f} MB so far, {megabytes / seconds:.1f} MB/s")
        if self._items:
            left = seconds * max(0, self._item_count - self._items) / self._items
            words.append(f"about {left:.0f} s to go")
        return ", ".join(words)
