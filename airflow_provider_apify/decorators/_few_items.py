"""Items of a run as the return value of a task, where they are few."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_apify._files.dataset.source import Source
from airflow_provider_apify._files.formats.registry import write_lines
from airflow_provider_apify._files.query import ItemsQuery

if TYPE_CHECKING:
    from airflow_provider_apify.hooks.apify import ApifyHook

MOST_BYTES = 1_000_000
"""How large items may be together, as JSON: XComs lie in Airflow's database."""


def few_items(hook: ApifyHook, dataset_id: str | None, most: int) -> list[Any]:
    """Return all items of a dataset, in their order; none where there is no dataset.

    :param most: how many there may be.
    :raises AirflowFailException: there are more, or they are larger than :data:`MOST_BYTES`; reading ends there.
    """
    if dataset_id is None:
        return []
    body = bytearray()

    def take(piece: bytes | memoryview) -> None:
        body.extend(piece)
        if len(body) > MOST_BYTES:
            raise _too_much(dataset_id, f"more than {MOST_BYTES:,} bytes of items")

    (count,) = write_lines([Source(hook, dataset_id, ItemsQuery(limit=most + 1))], take)
    if count > most:
        raise _too_much(dataset_id, f"more than the {most:,} items that return_items allows")
    return [json.loads(line) for line in body.split(b"\n")[:-1]]


def _too_much(dataset_id: str | None, what: str) -> AirflowFailException:
    return AirflowFailException(
        f"Dataset {dataset_id} has {what}. Leave return_items out, so that the task returns the run, and write the "
        "dataset to a file with DatasetToFileOperator. The run is good, and the dataset is there.",
    )
