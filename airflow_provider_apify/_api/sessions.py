"""The event loop's one session, which all waiting triggers share."""

from __future__ import annotations

import asyncio
import resource
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
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
    session: aiohttp.ClientSession
    users: int = 0


_shared_sessions: WeakKeyDictionary[asyncio.AbstractEventLoop, _Shared] = WeakKeyDictionary()


@asynccontextmanager
async def shared_session() -> AsyncIterator[aiohttp.ClientSession]:
    """Lend the event loop's one session: thousands of waiting triggers share its connections and its memory.

    It is opened for the first user and closed after the last.
    """
    # Both read many files, and meanwhile nothing else on the loop would go on.
    aiohttp, tls = await asyncio.to_thread(import_module, "aiohttp"), await asyncio.to_thread(_tls)
    loop = asyncio.get_running_loop()
    shared = _shared_sessions.get(loop)
    if shared is None:
        session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=_most_connections(), ssl=tls))
        shared = _shared_sessions[loop] = _Shared(session)
    shared.users += 1
    try:
        yield shared.session
    finally:
        shared.users -= 1
        if shared.users == 0:
            del _shared_sessions[loop]
            await shared.session.close()


def connection_share() -> float:
    """Return how many connections there are for each user of this event loop's session: 1 where nobody has to wait."""
    shared = _shared_sessions[asyncio.get_running_loop()]
    limit = shared.session.connector.limit if shared.session.connector else 0
    return min(1.0, limit / shared.users) if limit else 1.0


def _most_connections() -> int:
    """Return how many connections this process may hold at once; 0 for any number.

    Each waiter holds one while it long-polls, and each is an open file. Beyond what the system allows, nothing in the
    triggerer could open any, so a quarter of that is left to everything else.
    """
    soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 0 if soft == resource.RLIM_INFINITY else max(1, soft * 3 // 4)
