"""How quickly the requests of one account may follow each other, by what Apify says to them: 429, or anything else."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

from airflow_provider_apify._api.answers import Answer, Response

_FIRST_SECONDS, _LONGEST_SECONDS = 0.02, 5.0
"""Between two requests, after one refusal, and at most."""
_SLOWER, _QUICKER = 2.0, 0.8
"""By how much that grows with a refusal, and shrinks with anything else: about one request in five may be refused."""
_STEP_SECONDS = 1.0
"""It changes once in so long: what was on its way together counts as one."""
_SHORTEST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 1.0, 60.0
"""How long nobody asks where Apify says how long, at least and at most."""


class Pace:
    """Slows all requests of an account down together while some of them are refused, and stops none for good."""

    def __init__(self) -> None:
        self._turns = asyncio.Lock()  # fair: who came first goes first
        self._interval = self._paused_until = self._same_until = 0.0

    async def pause(self) -> None:
        """Wait until Apify takes requests again, where it has said when that is."""
        while (left := self._paused_until - time.monotonic()) > 0:  # noqa: ASYNC110 - nobody tells when it is over
            await asyncio.sleep(left)

    async def turn(self, until: float) -> None:
        """Wait for one's turn.

        :param until: Unix time until which to wait at most.
        """
        if not self._interval:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, until - time.time())), self._turns:
                await self.pause()
                await asyncio.sleep(self._interval)

    def note(self, answer: Answer) -> None:
        """Take note of what was said to a request."""
        if not isinstance(answer, Response):
            return
        now, is_refused = time.monotonic(), not answer.is_success and answer.is_rate_limited
        if is_refused and answer.retry_after is not None:
            pause = min(max(answer.retry_after, _SHORTEST_PAUSE_SECONDS), _LONGEST_PAUSE_SECONDS)
            self._paused_until = max(self._paused_until, now + pause)
        if (is_refused or self._interval) and now >= self._same_until:
            self._same_until = now + _STEP_SECONDS
            self._interval = self._slower() if is_refused else self._quicker()

    def _slower(self) -> float:
        return min(max(_FIRST_SECONDS, self._interval * _SLOWER), _LONGEST_SECONDS)

    def _quicker(self) -> float:
        quicker = self._interval * _QUICKER
        return quicker if quicker >= _FIRST_SECONDS / 2 else 0.0
