"""Times, identifiers, and waiting that ends when the server does."""

from __future__ import annotations

import asyncio
import hashlib
import random
import string
from datetime import UTC, datetime

ID_LENGTH = 17
_ALPHABET = string.ascii_letters + string.digits


def now() -> datetime:
    """Return the current time in UTC."""
    return datetime.now(UTC)


def iso(moment: datetime) -> str:
    """Write a time as the API does: UTC, milliseconds, a ``Z`` at the end."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def new_id() -> str:
    """Return a new identifier: 17 letters and digits."""
    return "".join(random.choices(_ALPHABET, k=ID_LENGTH))


def stable_id(text: str) -> str:
    """Return an identifier that is always the same for the same text, for things that survive a restart."""
    digest = hashlib.sha256(text.encode(errors="backslashreplace")).digest()
    return "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in digest[:ID_LENGTH])


class Clock:
    """Sleep and wait, and give up at once when the server closes."""

    def __init__(self) -> None:
        self._closing = asyncio.Event()

    def close(self) -> None:
        """End every sleep and wait that is going on."""
        self._closing.set()

    async def sleep(self, seconds: float) -> None:
        """Sleep, or return early because the server closes."""
        await self.wait(asyncio.Event(), seconds)

    async def closes_within(self, seconds: float) -> bool:
        """Sleep, and tell whether it ended early because the server closes."""
        return await self.wait(self._closing, seconds)

    async def wait(self, event: asyncio.Event, seconds: float | None = None) -> bool:
        """Wait for an event, at most some seconds if they are given.

        :return: whether the event happened.
        """
        if event.is_set():
            return True
        waiters = [asyncio.ensure_future(each.wait()) for each in (event, self._closing)]
        try:
            await asyncio.wait(waiters, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for waiter in waiters:
                waiter.cancel()
        return event.is_set()


class Pulse:
    """Wake everyone who waits for the next change of something."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    @property
    def event(self) -> asyncio.Event:
        """The event that the next change sets. Take it before looking at the thing."""
        return self._event

    def beat(self) -> None:
        """Say that something changed."""
        self._event.set()
        self._event = asyncio.Event()
