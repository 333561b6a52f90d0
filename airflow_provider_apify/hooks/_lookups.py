"""One look-up of a connection for all triggers of a process that want it at about the same time.

A triggerer's supervisor answers one question after the other, several to a connection: hundreds of triggers that arrive
together would wait minutes for the same answer.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from airflow_provider_apify.hooks._connection import ApifyConnection

_SHARED_SECONDS = 30.0


@dataclass(frozen=True)
class _Lookup:
    began: float
    task: asyncio.Task[ApifyConnection]

    @property
    def is_fresh(self) -> bool:
        """Whether its answer still serves; a failure serves only those who wait for it already."""
        has_failed = self.task.done() and (self.task.cancelled() or self.task.exception() is not None)
        return not has_failed and time.monotonic() - self.began < _SHARED_SECONDS


_lookups: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, _Lookup]] = WeakKeyDictionary()


async def shared_lookup(
    conn_id: str,
    look_up: Callable[[], Coroutine[Any, Any, ApifyConnection]],
) -> ApifyConnection:
    """Return the connection, from a look-up of the last half minute on this event loop where there is one."""
    lookups = _lookups.setdefault(asyncio.get_running_loop(), {})
    found = lookups.get(conn_id)
    if found is None or not found.is_fresh:
        found = lookups[conn_id] = _Lookup(time.monotonic(), asyncio.ensure_future(look_up()))
    # A trigger that is cancelled must not take the answer from the others.
    return await asyncio.shield(found.task)
