"""The event loop's one session, which all waiting triggers share."""

from __future__ import annotations

import asyncio
import math
import resource
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from airflow_provider_apify._api.addresses import certificates

if TYPE_CHECKING:
    import aiohttp


@cache
def _tls() -> ssl.SSLContext | bool:
    """Trust what the environment names, most of which aiohttp does not read; else what aiohttp trusts."""
    bundle = certificates()
    if bundle is None:
        return True
    context = ssl.create_default_context()
    context.load_verify_locations(**{"capath" if bundle.is_dir() else "cafile": str(bundle)})
    return context


@dataclass
class _Shared:
    """:ivar resting: how many of the users need no connection just now."""

    session: aiohttp.ClientSession
    users: int = 0
    resting: int = 0


_shared_sessions: WeakKeyDictionary[asyncio.AbstractEventLoop, _Shared] = WeakKeyDictionary()


@asynccontextmanager
async def shared_session() -> AsyncIterator[aiohttp.ClientSession]:
    """Lend the event loop's one session: thousands of waiting triggers share its connections and its memory.

    It is opened for the first user and closed after the last.
    """
    loop = asyncio.get_running_loop()
    if loop not in _shared_sessions:
        # Both read many files, and meanwhile nothing else on the loop would go on.
        aiohttp, tls = await asyncio.to_thread(import_module, "aiohttp"), await asyncio.to_thread(_tls)
        if loop not in _shared_sessions:
            connector = aiohttp.TCPConnector(limit=_most_connections(), ssl=tls)
            _shared_sessions[loop] = _Shared(aiohttp.ClientSession(connector=connector))
    shared = _shared_sessions[loop]
    shared.users += 1
    try:
        yield shared.session
    finally:
        shared.users -= 1
        if shared.users == 0:
            del _shared_sessions[loop]
            await shared.session.close()


@contextmanager
def resting() -> Iterator[None]:
    """Leave the connections of this event loop's session to its other users, for as long as the block takes."""
    shared = _shared_sessions[asyncio.get_running_loop()]
    shared.resting += 1
    try:
        yield
    finally:
        shared.resting -= 1


def connection_share() -> float:
    """Return how many connections there are for each user of this event loop's session: 1 where nobody has to wait."""
    shared = _shared_sessions[asyncio.get_running_loop()]
    return min(1.0, connection_limit() / max(1, shared.users - shared.resting))


def connection_limit() -> float:
    """Return how many connections this event loop's session may hold."""
    connector = _shared_sessions[asyncio.get_running_loop()].session.connector
    return connector.limit or math.inf if connector else math.inf


def _most_connections() -> int:
    """Return how many connections this process may hold at once; 0 for any number.

    Each waiter holds one while it long-polls, and each is an open file. Beyond what the system allows, nothing in the
    triggerer could open any, so a quarter of that is left to everything else.
    """
    soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 0 if soft == resource.RLIM_INFINITY else max(1, soft * 3 // 4)
