"""Datasets: what they are, their items, and how many there are."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from airflow_provider_apify._api import flows, request
from airflow_provider_apify._api.facts import COUNT_LAG_SECONDS
from airflow_provider_apify._api.storages import endpoints
from airflow_provider_apify._api.storages.counts import dataset_of, look_at_items, settled_dataset
from airflow_provider_apify._api.storages.items import push_items
from airflow_provider_apify._files.dataset.pulling import item_lines
from airflow_provider_apify._files.dataset.reader import Reader
from airflow_provider_apify._files.dataset.source import Source
from airflow_provider_apify._files.query import ItemsQuery
from airflow_provider_apify.exceptions import ApifyDataError
from airflow_provider_apify.hooks._client import ApifyClient
from airflow_provider_apify.models.storages import Dataset, ItemsSeen


class Datasets(ApifyClient):
    """The methods of :class:`~airflow_provider_apify.hooks.apify.ApifyHook` for datasets."""

    def get_dataset(self, dataset_id: str) -> Dataset:
        """Return a dataset's description (https://docs.apify.com/api/v2/dataset-get)."""
        return self._drive(flows.call_reading(endpoints.get_dataset(dataset_id), self.retry, dataset_of))

    def iterate_items(
        self,
        dataset_id: str,
        *,
        clean: bool = False,
        fields: Sequence[str] | None = None,
        offset: int = 0,
        limit: int | None = None,
    ) -> Iterator[Any]:
        """Yield the items of a dataset, in their order (https://docs.apify.com/api/v2/dataset-items-get).

        Items are parsed: to move many of them elsewhere,
        :class:`~airflow_provider_apify.transfers.dataset_to_file.DatasetToFileOperator` is many times faster.

        :param clean: leave out empty items and hidden fields (those that start with ``#``).
        :param fields: only these fields.
        :param offset: leave out so many items at the start.
        :param limit: at most so many items, counted before any of them is left out.
        :raises ApifyNotFoundError: there is no such dataset, or no longer.
        :raises ApifyDataError: items that Apify counts did not come.
        """
        query = ItemsQuery(offset, limit, clean=clean or None, fields=tuple(fields or ()))
        yield from map(_parsed, item_lines(Source(self, dataset_id, query)))

    def _read_items(
        self,
        dataset_id: str,
        reader: Reader,
        *,
        delay: float = 0.0,
        pause: Callable[[float], object] = time.sleep,
    ) -> None:
        """Have a reader take items of a dataset, in any format (https://docs.apify.com/api/v2/dataset-items-get).

        Where a body breaks, the reader says what is still missing, and that is asked for.

        :param reader: for example a :class:`LineReader <airflow_provider_apify._files.dataset.readers.LineReader>`.
        :param delay: seconds to wait before asking.
        :param pause: waits so many seconds before each request; what it raises ends the reading.
        :raises ApifyDataError: bodies kept breaking.
        """

        def next_request() -> request.Request | None:
            params = reader.params()
            if params is None:
                return None
            return replace(endpoints.get_items(dataset_id, params), compressed=reader.compressed, delay=delay)

        flow = flows.call_resuming(next_request, lambda: reader.progress, self.retry, self.log.warning)
        self._drive(flow, partial(self._send_reading, reader.read, []), pause)

    def create_dataset(self, name: str) -> Dataset:
        """Create a dataset, or find the one of this name (https://docs.apify.com/api/v2/datasets-post)."""
        return Dataset.from_api(self._call(endpoints.create_dataset(name)))

    def push_items(self, dataset_id: str, items: Iterable[Mapping[str, Any]]) -> int:
        """Store items at the end of a dataset, at most 5 MB at a time, and return how many.

        Never twice within one call: a request of which it is unknown whether Apify has stored its items is not
        repeated. A retry of the task calls again, though, and stores them again: write a file and push it with
        :class:`~airflow_provider_apify.transfers.file_to_dataset.FileToDatasetOperator`, whose retries look first.
        See https://docs.apify.com/api/v2/dataset-items-post.

        :param items: JSON objects; an iterator is read as it is needed.
        :raises ValueError: an item is no JSON object, or above 5 MB; those before it may be stored.
        :raises ApifyError: not all were stored; the message says how many certainly were.
        """
        return self._drive(push_items(dataset_id, items, self.retry))

    def get_settled_dataset(self, dataset_id: str, *, pause: Callable[[float], object] = time.sleep) -> Dataset:
        """Return a dataset's description with counts that show all of its items.

        Apify's counts lag up to 5 seconds. Where the dataset was changed within these, by Apify's clock, it is asked
        again after the rest of them; the connection's ``cost_settle_seconds`` is the most that is waited.
        See https://docs.apify.com/api/v2/dataset-get.

        :param pause: waits so many seconds before each request; what it raises ends the counting.
        """
        lag = min(COUNT_LAG_SECONDS, self._connection.cost_settle_seconds)
        return self._drive(settled_dataset(dataset_id, self.retry.patient_with_apify(), lag=lag), pause=pause)

    def _look_at_items(self, dataset_id: str | None, run_id: str | None) -> ItemsSeen:
        """Look how many items a dataset, or the default one of a run, has now."""
        settle = self._connection.cost_settle_seconds
        return self._drive(look_at_items(dataset_id, run_id, self.retry, settle=settle))

    async def _async_get_dataset(self, dataset_id: str) -> Dataset:
        """Return a dataset's description, on the event loop."""
        return await self._drive_async(flows.call_reading(endpoints.get_dataset(dataset_id), self.retry, dataset_of))

    async def _async_look_at_items(self, dataset_id: str | None, run_id: str | None) -> ItemsSeen:
        """Do what :meth:`_look_at_items` does, on the event loop."""
        settle = (await self._async_connection()).cost_settle_seconds
        return await self._drive_async(look_at_items(dataset_id, run_id, self.retry.patient(), settle=settle))


def _parsed(item: bytes) -> Any:
    """Return an item's value.

    :raises ApifyDataError: Python cannot read it.
    """
    try:
        return json.loads(item)
    except RecursionError:
        raise ApifyDataError(
            "An item is nested too deep for Python, which reads about 1,000 lists and objects inside one another. "
            "DatasetToFileOperator writes such items to jsonl.",
        ) from None
