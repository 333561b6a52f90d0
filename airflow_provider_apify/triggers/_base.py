"""What the triggers share."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from airflow.triggers.base import BaseTrigger

SPREAD_SECONDS = 1.0
"""Triggers that arrive together would ask together: their first requests are spread over this time."""
POKE_SECONDS = 60.0
"""Between two looks, where nobody says; as Airflow's sensors have it."""
HOLD_SECONDS = 10.0
"""How long after its beginning a trigger fires at the earliest.

The worker that has deferred may take seconds to end, and Airflow's scheduler to notice. A task that is resumed before
that looks to the scheduler, up to Airflow 3.3, as if its new worker had been lost, and its attempt is failed.
"""


class WatchingTrigger(BaseTrigger):
    """A trigger whose arguments are kept as they were given, and that does not fire too early."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._arguments = arguments
        self._made_at = time.monotonic()

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments that rebuild this trigger elsewhere."""
        return f"{type(self).__module__}.{type(self).__qualname__}", dict(self._arguments)

    async def hold(self) -> None:
        """Wait until Airflow has surely noticed that the worker of before has ended; see :data:`HOLD_SECONDS`."""
        is_in_triggerer = getattr(self, "trigger_id", None) is not None  # dag.test() has no scheduler to wait for
        if is_in_triggerer:
            await asyncio.sleep(max(0.0, self._made_at + HOLD_SECONDS - time.monotonic()))
