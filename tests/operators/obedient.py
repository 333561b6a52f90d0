"""An Actor whose runs end when, and how, they are told to."""

from __future__ import annotations

import asyncio

from local_apify import ActorContext, RunEnd, actor
from tests.operators.played_task import PACE

orders: dict[str, str] = {}
"""The status that each run is to end with, by its ID."""


@actor("test/obedient")
async def obedient(context: ActorContext) -> None:
    """Go on until told how to end."""
    while context.run_id not in orders:  # noqa: ASYNC110 - the orders come from another thread
        await asyncio.sleep(PACE / 4)
    raise RunEnd(orders.pop(context.run_id))
