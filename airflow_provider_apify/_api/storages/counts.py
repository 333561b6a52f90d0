"""How many items a dataset has: Apify's count lags some seconds behind them. No I/O."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime

from airflow_provider_apify._api.answers import Response, data_of
from airflow_provider_apify._api.flows import LOOKS, Flow, call_data, call_known, call_reading
from airflow_provider_apify._api.runs.endpoints import get_run
from airflow_provider_apify._api.runs.reading import call_known_run
from airflow_provider_apify._api.storages.endpoints import get_dataset
from airflow_provider_apify.exceptions import ApifyDataError
from airflow_provider_apify.models.storages import Dataset, ItemsSeen
from airflow_provider_apify.options import RetryPolicy


def counted_until(wanted: int, dataset_id: str, retry: RetryPolicy, delays: Iterable[float]) -> Flow[int]:
    """Watch a dataset's count until it shows so many items, and return it; the last one, where it never does.

    :param delays: seconds before each look.
    """
    counted = 0
    for delay in delays:
        counted = yield from count_items(dataset_id, retry, delay=delay)
        if counted >= wanted:
            break
    return counted


def count_pushed(wanted: int, dataset_id: str, retry: RetryPolicy, *, settle: float) -> Flow[int]:
    """Return how many items a dataset counts once all of them are pushed.

    :param wanted: how many there must be.
    :param settle: seconds in which the count must show them.
    :raises ApifyDataError: it does not.
    """
    delays = (0.0, *(share * settle for share in LOOKS))
    counted = yield from counted_until(wanted, dataset_id, retry, delays)
    if counted < wanted:
        raise ApifyDataError(
            f"Dataset {dataset_id} counts {counted} items, but {wanted} are pushed: some are lost, or were taken away "
            "meanwhile. Compare it with the file before you push again.",
        )
    return counted


def count_items(dataset_id: str, retry: RetryPolicy, *, delay: float = 0.0) -> Flow[int]:
    """Return how many items Apify counts now, after ``delay`` seconds."""
    data = yield from call_data(replace(get_dataset(dataset_id), delay=delay), retry.patient())
    return int(data["itemCount"])


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


def settled_dataset(dataset_id: str, retry: RetryPolicy, *, lag: float) -> Flow[Dataset]:
    """Return a dataset's description; where it was just changed, ask again when its counts must show that.

    :param lag: seconds by which the counts may be behind the items.
    """
    request = get_dataset(dataset_id)
    dataset, age = yield from call_reading(request, retry, _dataset_and_age)
    if age < lag:
        dataset, _ = yield from call_reading(replace(request, delay=min(lag, lag - age)), retry, _dataset_and_age)
    return dataset


def dataset_of(answer: Response) -> Dataset | None:
    """Read a dataset's description; ``None`` where the answer lacks what tells how many items it has."""
    data = data_of(answer)
    if data is None or "id" not in data or not isinstance(data.get("itemCount"), int):
        return None
    return Dataset.from_api(data)


def _dataset_and_age(answer: Response) -> tuple[Dataset, float] | None:
    """Return a dataset, and its seconds without change by Apify's clock; endless ones, where it is not told."""
    dataset = dataset_of(answer)
    if dataset is None:
        return None
    changed, now = dataset.raw.get("modifiedAt"), answer.date
    age = max(0.0, (now - datetime.fromisoformat(changed)).total_seconds()) if changed and now else math.inf
    return dataset, age


def _count(dataset_id: str, retry: RetryPolicy) -> Flow[int]:
    data = yield from call_known(get_dataset(dataset_id), lambda request: call_data(request, retry))
    return Dataset.from_api(data).item_count
