"""One look-up of a connection for all triggers of a process that want it at about the same time.

A triggerer's supervisor answers one question after the other, several to a connection: hundreds of triggers that arrive
together would wait minutes for the same answer.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

from airflow_provider_apify.hooks._connection import ApifyConnection

_SHARED_SECONDS = 30.0
_REFUSED_SHARED_SECONDS = 5.0


@dataclass(frozen=True)
class _Lookup:
    """A look-up under way, or made.

    :param began: by ``time.monotonic``.
    :param refused: the token that made it necessary; empty where none was refused.
    """

    began: float
    refused: str = field(repr=False)
    task: asyncio.Task[ApifyConnection]

    def serves(self, refused: str) -> bool:
        """Tell whether its answer still serves; a failure serves only those who wait for it already."""
        age = time.monotonic() - self.began
        if self._has_failed or age >= _SHARED_SECONDS:
            return False
        if not refused or (self.task.done() and self.task.result().access.token != refused):
            return True
        # It may have begun before the token was changed, unless it was made for the very same reason.
        return self.refused == refused and age < _REFUSED_SHARED_SECONDS

    @property
    def _has_failed(self) -> bool:
        return self.task.done() and (self.task.cancelled() or self.task.exception() is not None)


_lookups: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, _Lookup]] = WeakKeyDictionary()


async def shared_lookup(
    conn_id: str,
    look_up: Callable[[], Coroutine[Any, Any, ApifyConnection]],
    *,
    refused: str = "",
) -> ApifyConnection:
    """Return the connection, from a look-up of the last half minute on this event loop where there is one.

    :param refused: a token that Apify has refused: a look-up that brought it does not serve any more, but all that
        were refused with it share the next one.
    """
    lookups = _lookups.setdefault(asyncio.get_running_loop(), {})
    found = lookups.get(conn_id)
    if found is None or not found.serves(refused):
        found = lookups[conn_id] = _Lookup(time.monotonic(), refused, asyncio.ensure_future(look_up()))
    # A trigger that is cancelled must not take the answer from the others.
    return await asyncio.shield(found.task)
