"""Show a run's log while the run is waited for: cheaply, each line once, and never at the run's expense. No I/O."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from airflow_provider_apify._api.answers import Response, in_words, is_apifys
from airflow_provider_apify._api.facts import LOG_BYTES
from airflow_provider_apify._api.flows import Flow
from airflow_provider_apify._api.runs import endpoints
from airflow_provider_apify.models.runs import ActorRun

# Apify sends a log from its start each time. So much of it is read a second, so that thousands of waiters stay cheap.
_BYTES_PER_SECOND = 10_000
_PAUSE_AFTER_FAILURE_SECONDS = 60.0
# Whoever waits has more to look after.
_ANSWER_SECONDS = 10.0
# Of a log that was written to meanwhile, Apify may send some more than it keeps.
_MOST_BYTES = 2 * LOG_BYTES
_MOST_LINES = 200
_LINE_BYTES = 2000
# What finds the place in a log that has lost its beginning.
_MARK_BYTES = 500


class LogShower:
    """Show what a run has logged since the last look.

    :param show: takes a line for the task's log.
    :param since: Unix time; lines of before were shown by somebody else. ``None`` shows all.
    :param clock: Unix time, for tests.
    """

    def __init__(
        self, show: Callable[[str], object], *, since: float | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        self._show, self._clock, self._since = show, clock, since
        self._seen, self._mark = 0, b""
        self._next_look = 0.0
        self._is_told = False

    def look(self, run: ActorRun) -> Flow[None]:
        """Ask for the log, unless that was done just now; of a finished run in any case."""
        if not run.is_finished and self._clock() < self._next_look:
            return
        request = replace(endpoints.get_log(run.id), is_long=False, most=_MOST_BYTES, timeout=_ANSWER_SECONDS)
        answer = yield request
        if isinstance(answer, Response) and answer.is_success and is_apifys(request, answer):
            self._next_look = self._clock() + len(answer.body) / _BYTES_PER_SECOND
            self._is_told = False
            self._take(answer.body, is_whole=run.is_finished)
            return
        self._next_look = self._clock() + _PAUSE_AFTER_FAILURE_SECONDS
        if not self._is_told:
            self._show(f"(The run's log cannot be read: {in_words(answer)}. The run itself goes on.)")
            self._is_told = True

    def _take(self, log: bytes, *, is_whole: bool) -> None:
        begin, end = self._place_in(log), len(log) if is_whole else log.rfind(b"\n") + 1
        if end <= begin:
            return
        self._seen, self._mark = end, log[max(0, end - _MARK_BYTES) : end]
        lines = log[begin:end].removesuffix(b"\n").rsplit(b"\n", _MOST_LINES)
        if self._since is not None:
            lines, self._since = _since(lines, self._since), None
        if len(lines) > _MOST_LINES:
            left_out = lines.pop(0).count(b"\n") + 1
            self._show(f"({left_out:,} lines of the run's log are left out here.)")
        for line in lines:
            # Airflow 2 sorts what it shows by the times that lines begin with: these stay where they are.
            self._show(f"| {line[:_LINE_BYTES].decode(errors='replace').rstrip()}")

    def _place_in(self, log: bytes) -> int:
        """Return where the log goes on, though Apify may have dropped its beginning meanwhile."""
        if log[: self._seen].endswith(self._mark):
            return min(self._seen, len(log))
        found = log.rfind(self._mark)
        return 0 if found < 0 else found + len(self._mark)


def _since(lines: list[bytes], since: float) -> list[bytes]:
    """Return the lines from the first on that begins with a time from then on."""
    moment = datetime.fromtimestamp(since, UTC).strftime("%Y-%m-%dT%H:%M:%S").encode()
    for number, line in enumerate(lines):
        if line[:4].isdigit() and line[: len(moment)] >= moment:
            return lines[number:]
    return []
