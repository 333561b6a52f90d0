"""One look at how far a dataset has grown. No I/O."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from airflow_provider_apify._api.endpoints import get_dataset, get_run
from airflow_provider_apify._api.flows import Flow, RetryPolicy, call_data, call_known, call_known_run
from airflow_provider_apify.models import Dataset


@dataclass(frozen=True)
class ItemsSeen:
    """A dataset at one moment.

    :param dataset_id: its ID; ``None`` where the run has no dataset yet.
    :param item_count: as Apify counts, some seconds late.
    :param run_id: of the run whose dataset is watched; ``None`` where a dataset is watched by its ID.
    :param run_status: its status.
    :param is_final: whether the run is over, for so long that the count does not lag any more.
    """

    dataset_id: str | None
    item_count: int
    run_id: str | None = None
    run_status: str | None = None
    is_final: bool = False

    def to_payload(self) -> dict[str, Any]:
        """Return plain JSON types; ``ItemsSeen(**payload)`` is the way back."""
        return asdict(self)


def look_at_items(
    dataset_id: str | None,
    run_id: str | None,
    retry: RetryPolicy,
    *,
    settle: float,
    clock: Callable[[], float] = time.time,
) -> Flow[ItemsSeen]:
    """Look at a dataset, or at the default one of a run.

    :param settle: seconds after a run's end at which its counts are final.
    :param clock: Unix time, for tests.
    """
    if run_id is None:
        return ItemsSeen(dataset_id, (yield from _count(dataset_id or "", retry)))
    # The run first: what is counted after its end is all there will be.
    run = yield from call_known_run(get_run(run_id), retry)
    ended = run.finished_at.timestamp() if run.finished_at else clock()
    is_final = run.is_finished and clock() - ended >= settle
    count = (yield from _count(run.dataset_id, retry)) if run.dataset_id else 0
    return ItemsSeen(run.dataset_id, count, run.id, run.status, is_final)


def _count(dataset_id: str, retry: RetryPolicy) -> Flow[int]:
    data = yield from call_known(get_dataset(dataset_id), lambda request: call_data(request, retry))
    return Dataset.from_api(data).item_count
