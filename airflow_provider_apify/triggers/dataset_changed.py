"""The trigger that starts DAGs when a dataset grows, whoever fills it."""

from __future__ import annotations

import time
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_apify._arguments.references import read_id
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.models.storages import Dataset
from airflow_provider_apify.triggers._base import POKE_SECONDS
from airflow_provider_apify.triggers._watcher import News, Watcher


class ApifyDatasetChangedTrigger(Watcher[Dataset, "_Told"]):
    """Start DAGs when a dataset grows, whoever fills it: for an ``AssetWatcher``, on Airflow 3.0 and later.

    It is meant for a dataset with a name, to which many runs push. Each look takes one request. A look that shows
    enough new items is one event. Its payload is ``{"dataset_id": ..., "item_count": 120, "new_items": 20}``: the new
    ones are ``offset=100, limit=20``, because a dataset only ever grows at its end. Apify's count is some seconds late.

    The first look only counts. On Airflow 3.3 and later, what was told is kept with the asset, so a triggerer that is
    away misses nothing; one that is killed within about two seconds after an event may repeat that. An older Airflow
    counts anew after a restart: items of the time in between are told with the next ones, or never.

    Errors end nothing: they are logged, and the trigger looks again, up to 5 minutes later. A dataset that is deleted
    and made anew begins at 0.

    See https://docs.apify.com/api/v2/dataset-get.

    :param dataset_id: its ID, ``username/name``, or the address of its page.
    :param min_items: so many new items are enough for an event.
    :param apify_conn_id: connection whose token may see it.
    :param poll_interval: seconds from one look to the next.
    :raises ValueError: an argument that is none of those.
    :raises RuntimeError: Airflow 2 has no asset watchers.
    """

    note = "apify_dataset"
    watched = "The dataset"
    instead = "use ApifyDatasetSensor in a scheduled DAG."

    def __init__(
        self,
        *,
        dataset_id: str,
        min_items: int = 1,
        apify_conn_id: str = ApifyHook.default_conn_name,
        poll_interval: float = POKE_SECONDS,
    ) -> None:
        self.dataset_id = read_id("dataset", dataset_id)
        self.min_items = min_items
        if min_items < 1:
            raise ValueError(f"min_items is a number of items, 1 or more, not {min_items!r}.")
        super().__init__(
            dataset_id=dataset_id, min_items=min_items, apify_conn_id=apify_conn_id, poll_interval=poll_interval
        )

    def shared_stream_key(self) -> Hashable:
        """Return what those have in common that share their looks."""
        return "apify-dataset", self.hook.apify_conn_id, self.poll_interval, self.dataset_id

    async def _look(self, before: Dataset | None) -> Dataset:  # noqa: ARG002 - each look stands for itself
        return await self.hook._async_get_dataset(self.dataset_id)

    async def _begin(self, look: Dataset, *, are_kept: bool) -> tuple[_Told, News]:  # noqa: ARG002 - the same either way
        return _Told(self.min_items, look.id, look.item_count), None

    def _place_of(self, noted: Mapping[str, Any]) -> _Told:
        return _Told(self.min_items, str(noted["dataset_id"]), int(noted["items"]), float(noted["at"]))

    async def _catch_up(self, place: _Told) -> News:
        return place.take(await self._look(None))


@dataclass
class _Told:
    """How many items of which dataset were told."""

    min_items: int
    dataset_id: str
    items: int
    progress: float = 0.0
    """Unix time of the note."""

    def take(self, look: Dataset) -> News:
        if look.id != self.dataset_id:  # another one has the name now
            self.dataset_id, self.items = look.id, 0
        new = look.item_count - self.items
        if new < self.min_items:  # also where a count is older than the one before
            return None
        self.items = look.item_count
        return {"dataset_id": look.id, "item_count": look.item_count, "new_items": new}

    def to_dict(self) -> dict[str, Any]:
        return {"dataset_id": self.dataset_id, "items": self.items, "at": time.time()}
