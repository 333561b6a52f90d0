"""The trigger of a task that waits for memory or a run slot of its Apify account."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator

from airflow.triggers.base import TriggerEvent

from airflow_provider_apify.triggers._base import WatchingTrigger


class ApifyCapacityTrigger(WatchingTrigger):
    """Fire after a pause, so that the task asks for its run again. Pauses vary: waiting tasks must not all ask at once.

    :param seconds: of the pause; up to a half longer.
    :param until: Unix time that is handed back to the task, after which it gives up.
    """

    def __init__(self, *, seconds: float, until: float) -> None:
        super().__init__(seconds=seconds, until=until)
        self.seconds = seconds
        self.until = until

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Pause."""
        await asyncio.sleep(self.seconds * random.uniform(1, 1.5))
        await self.hold()
        yield TriggerEvent({"until": self.until})  # type: ignore[no-untyped-call]
