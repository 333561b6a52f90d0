"""The trigger that watches an account's limits while its task waits without a worker."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Mapping
from typing import Any

from airflow.triggers.base import TriggerEvent

from airflow_provider_apify._airflow.run_progress import Reminder
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.models.account import Room
from airflow_provider_apify.triggers._base import POKE_SECONDS, SPREAD_SECONDS, WatchingTrigger


class ApifyAccountTrigger(WatchingTrigger):
    """Fire once, when an account has the room that is needed, with the room that it has.

    :param needed: as :meth:`Room.to_dict <airflow_provider_apify.models.Room.to_dict>`.
    :param apify_conn_id: connection whose token may see the account's limits.
    :param poke_interval: seconds between two looks; up to a quarter more, so that tasks that wait for the same do not
        all look at once.
    """

    def __init__(
        self,
        *,
        needed: Mapping[str, Any],
        apify_conn_id: str = ApifyHook.default_conn_name,
        poke_interval: float = POKE_SECONDS,
    ) -> None:
        super().__init__(needed=dict(needed), apify_conn_id=apify_conn_id, poke_interval=poke_interval)
        self.needed = Room.from_dict(needed)
        self.hook = ApifyHook(apify_conn_id)
        self.poke_interval = poke_interval

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look again and again. Airflow's own deferral time-out bounds it; errors are not caught."""
        await asyncio.sleep(random.uniform(0, SPREAD_SECONDS))
        remind = Reminder(self.log)
        while True:
            room = (await self.hook.async_get_limits()).room
            if room.is_enough_for(self.needed):
                await self.hold()
                yield TriggerEvent(room.to_dict())  # type: ignore[no-untyped-call]
                return
            remind(f"The account has {room} left, and {self.needed} are needed.", topic="room")
            await asyncio.sleep(self.poke_interval * random.uniform(1, 1.25))
