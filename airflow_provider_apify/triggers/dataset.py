"""The trigger that watches a dataset while its task waits without a worker."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator

from airflow.triggers.base import TriggerEvent

from airflow_provider_apify._airflow.run_progress import Reminder
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.triggers._base import POKE_SECONDS, SPREAD_SECONDS, WatchingTrigger


class ApifyDatasetTrigger(WatchingTrigger):
    """Fire once, when a dataset has enough items, or its run is over and there will be no more.

    It reports what it saw, :class:`ItemsSeen`; whether that is good or
    bad is for the task to say.

    :param dataset_id: the dataset; ``None`` where ``run_id`` is given.
    :param run_id: a run, whose default dataset is watched.
    :param min_items: how many items are enough.
    :param apify_conn_id: connection whose token may see it.
    :param poke_interval: seconds between two looks.
    """

    def __init__(
        self,
        *,
        dataset_id: str | None,
        run_id: str | None,
        min_items: int,
        apify_conn_id: str = ApifyHook.default_conn_name,
        poke_interval: float = POKE_SECONDS,
    ) -> None:
        super().__init__(
            dataset_id=dataset_id,
            run_id=run_id,
            min_items=min_items,
            apify_conn_id=apify_conn_id,
            poke_interval=poke_interval,
        )
        self.dataset_id = dataset_id
        self.run_id = run_id
        self.min_items = min_items
        self.hook = ApifyHook(apify_conn_id)
        self.poke_interval = poke_interval

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look again and again. Airflow's own deferral time-out bounds it; errors are not caught."""
        await asyncio.sleep(random.uniform(0, SPREAD_SECONDS))
        remind = Reminder(self.log)
        while True:
            seen = await self.hook._async_look_at_items(self.dataset_id, self.run_id)
            if seen.item_count >= self.min_items or seen.is_final:
                await self.hold()
                yield TriggerEvent(seen.to_payload())  # type: ignore[no-untyped-call]
                return
            remind(f"Dataset {seen.dataset_id} has {seen.item_count} items of {self.min_items}.", topic="items")
            await asyncio.sleep(self.poke_interval)
