"""The trigger of a task that waits for memory or a run slot of its Apify account."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent


class ApifyCapacityTrigger(BaseTrigger):
    """Fire after a pause, so that the task asks for its run again. Pauses vary: waiting tasks must not all ask at once.

    :param seconds: of the pause; up to a half longer.
    :param until: Unix time that is handed back to the task, after which it gives up.
    """

    def __init__(self, *, seconds: float, until: float) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.seconds = seconds
        self.until = until

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments that rebuild this trigger elsewhere."""
        path = f"{type(self).__module__}.{type(self).__qualname__}"
        return path, {"seconds": self.seconds, "until": self.until}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Pause."""
        await asyncio.sleep(self.seconds * random.uniform(1, 1.5))
        yield TriggerEvent({"until": self.until})  # type: ignore[no-untyped-call]
