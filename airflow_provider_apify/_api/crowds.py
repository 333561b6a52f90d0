"""The crowd of an account: all that wait for runs of it in one event loop. Where it is large, it asks as one.

A few waiters long-poll, each for its own run. Beyond a number, one poll of the account's list of runs serves them all:
each waits for news there, and asks for its own run when the list lacks it, and now and then. The list is only a hint;
what counts is the run's own answer.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from contextvars import Context
from dataclasses import dataclass, field
from itertools import islice
from weakref import WeakKeyDictionary

from airflow_provider_apify._api.answers import Answer
from airflow_provider_apify._api.driving import drive_async
from airflow_provider_apify._api.facts import MAX_PAGE
from airflow_provider_apify._api.pace import Pace
from airflow_provider_apify._api.request import Request, Watched, waiting_less
from airflow_provider_apify._api.runs.going import Costs, going_runs
from airflow_provider_apify._api.sessions import connection_limit, resting, shared_session
from airflow_provider_apify._api.transports import Access
from airflow_provider_apify.options import RetryPolicy

Send = Callable[[Request], Awaitable[Answer]]
_log = logging.getLogger(__name__)

_MOST_ALONE = 1_000
"""So many waiters long-poll each for itself, if there are files for it: an end is seen within milliseconds then."""
_POLL_SECONDS = 3.0
_PAGE_SECONDS = 0.3
"""From the beginning of one poll to the next: at least the first, and so much for each page."""
_LONGEST_SECONDS = 600.0
_MOST_A_MINUTE = 60
"""How long nobody asks for a run that the list shows: about so long, or longer where those would be more requests."""
_PATIENCE_SECONDS = 60.0
"""Within so long the list must have been read, whatever keeps it away: meanwhile nobody hears of an end."""
_REST_SECONDS = 300.0
"""After a list that could not be read, all long-poll for so long."""
_WOKEN_AT_ONCE, _WAKING_SECONDS = 10, 0.02
"""Runs that end together are not asked for all in the same instant: the loop has other things to do."""


@dataclass(eq=False)
class _Listener:
    """A waiter that waits for news of its run.

    :ivar news: there when the run has to be asked for; whether all there is to know of it was on the list.
    """

    watched: Watched
    news: asyncio.Future[bool] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def is_told_all(self, going: Costs) -> bool:
        """Tell whether the list has all that matters of the run: that it goes on, and its costs where they do."""
        run_id, limit = self.watched.run_id, self.watched.cost_limit
        return run_id in going and (limit is None or going[run_id] is not None)

    def has_news(self, going: Costs) -> bool:
        """Tell whether the run has to be asked for: it may have ended, or costs too much."""
        limit = self.watched.cost_limit
        return not self.is_told_all(going) or (limit is not None and (going[self.watched.run_id] or 0) > limit)

    def tell(self, going: Costs) -> None:
        """Give the news, unless nobody waits for them any more."""
        if not self.news.done():
            self.news.set_result(self.is_told_all(going))


class Crowd:
    """The waiters of one account in one event loop, each a user of the loop's shared session."""

    def __init__(self) -> None:
        self.members = 0
        self._listeners: dict[_Listener, None] = {}  # in the order in which they came
        self._poll: asyncio.Task[None] | None = None
        self._pace = Pace()
        self._next_poll_at = self._rests_until = 0.0

    async def send(self, send: Send, request: Request) -> Answer:
        """Send a member's request; if it lets the server wait for a run's end, maybe only when there is news of it.

        :param send: sends any request to the account.
        """
        if request.watched is not None and self._asks_as_one:
            goes_on = await self._wait_for_news(request.watched, request.held_until, send)
            # What is listed needs no server that waits for its end.
            request = waiting_less(request, 0 if goes_on else request.held_until - time.time())
        await self._pace.turn(request.held_until)
        return await self._send(send, request)

    async def _send(self, send: Send, request: Request) -> Answer:
        answer = await send(request)
        self._pace.note(answer)
        return answer

    async def leave(self) -> None:
        """Take back a membership; the poll ends with the last."""
        self.members -= 1
        if self.members == 0 and self._poll is not None:
            self._poll.cancel()
            await asyncio.wait([self._poll])

    @property
    def _asks_as_one(self) -> bool:
        is_large = self.members > min(_MOST_ALONE, connection_limit())
        return is_large and time.monotonic() >= self._rests_until

    async def _wait_for_news(self, watched: Watched, until: float, send: Send) -> bool:
        """Wait until the run has to be asked for; tell whether it goes on as far as the list tells.

        :param until: Unix time until which to wait at most.
        """
        listener = _Listener(watched)
        self._listeners[listener] = None
        if self._poll is None:
            # In a context of its own: it serves all, so its lines belong into no trigger's log.
            self._poll = asyncio.create_task(self._poll_list(send), context=Context())
        longest = max(_LONGEST_SECONDS, 60 * self.members / _MOST_A_MINUTE) * random.uniform(0.5, 1.5)
        try:
            with resting():
                await asyncio.wait([listener.news], timeout=max(0.0, min(longest, until - time.time())))
        finally:
            del self._listeners[listener]
        return listener.news.result() if listener.news.done() else True

    async def _poll_list(self, send: Send) -> None:
        """Look at the list again and again, for as long as anybody listens; rest after one that cannot be read."""
        expected = 0
        async with shared_session():
            try:
                while self._listeners:
                    await asyncio.sleep(self._next_poll_at - time.monotonic())
                    began, listeners = time.monotonic(), list(self._listeners)
                    try:
                        going = await self._read_list(send, expected)
                    except Exception as trouble:  # noqa: BLE001 - who asks for its own run will meet what is wrong
                        await self._rest(trouble)
                        continue
                    expected = len(going)
                    self._next_poll_at = began + max(_POLL_SECONDS, _PAGE_SECONDS * (expected // MAX_PAGE + 1))
                    await self._tell(going, [each for each in listeners if each.has_news(going)])
            finally:
                self._poll = None

    async def _read_list(self, send: Send, expected: int) -> Costs:
        """Return what goes on in the account.

        :raises ValueError: too much to be listed again and again.
        :raises TimeoutError: it could not be had in time, be it that Apify takes no more requests.
        """

        async def send_first(request: Request) -> Answer:
            """Send without waiting for a turn: it saves the waiters theirs."""
            await self._pace.pause()
            return await self._send(send, request)

        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                going = await drive_async(going_runs(RetryPolicy(), expected=expected), send_first)
        except TimeoutError:
            raise TimeoutError(f"it has not come within {_PATIENCE_SECONDS:.0f} s") from None
        if going is None:
            raise ValueError("it is too long")
        return going

    async def _rest(self, trouble: Exception) -> None:
        """Have each ask for itself, for a while."""
        _log.warning(
            "The account's list of runs cannot be used (%s). For %.0f s, each of %d waiters asks for its own run.",
            trouble,
            _REST_SECONDS,
            self.members,
        )
        self._rests_until = self._next_poll_at = time.monotonic() + _REST_SECONDS
        await self._tell({}, list(self._listeners))

    async def _tell(self, going: Costs, listeners: Iterable[_Listener]) -> None:
        """Tell listeners that there is news for them, a few at a time."""
        rest = iter(listeners)
        while few := list(islice(rest, _WOKEN_AT_ONCE)):
            for listener in few:
                listener.tell(going)
            await asyncio.sleep(_WAKING_SECONDS)


_crowds: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, Crowd]] = WeakKeyDictionary()


@asynccontextmanager
async def crowd_of(access: Access) -> AsyncIterator[Crowd]:
    """Be a member of an account's crowd in this event loop, for as long as the block takes."""
    crowds = _crowds.setdefault(asyncio.get_running_loop(), {})
    account = hashlib.sha256(f"{access.base_url} {access.token}".encode()).hexdigest()  # no token where it may show
    crowd = crowds.setdefault(account, Crowd())
    crowd.members += 1
    try:
        yield crowd
    finally:
        if crowd.members == 1:
            del crowds[account]
        await crowd.leave()
