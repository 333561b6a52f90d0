"""What is moved as a whole: bodies of records and logs, files of items, and storages that are kept."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from airflow_provider_apify._api import account, flows, request
from airflow_provider_apify._api.facts import COUNT_LAG_SECONDS
from airflow_provider_apify._api.runs import endpoints as run_endpoints
from airflow_provider_apify._api.storages import counts, endpoints as storage_endpoints
from airflow_provider_apify._api.storages.counts import look_at_items, settled_dataset
from airflow_provider_apify._api.storages.items import Piece, Pusher
from airflow_provider_apify.exceptions import ApifyApiError, ApifyAuthError, ApifyNotFoundError
from airflow_provider_apify.hooks._client import ApifyClient
from airflow_provider_apify.models.storages import Dataset, ItemsSeen, StorageKind

if TYPE_CHECKING:
    from airflow_provider_apify._files.bodies import BodyReader

# Small, so that a bad link still brings something each time: a body has to come from its start again.
_BODY_PIECE_BYTES = 2**16

_GET: Mapping[StorageKind, Callable[[str], request.Request]] = MappingProxyType(
    {
        "dataset": storage_endpoints.get_dataset,
        "key_value_store": storage_endpoints.get_store,
        "request_queue": storage_endpoints.get_queue,
    }
)


class Storages(ApifyClient):
    """The methods of :class:`~airflow_provider_apify.hooks.apify.ApifyHook` that transfers and sensors stand on."""

    def read_record(self, store_id: str, key: str, reader: BodyReader) -> None:
        """Have a reader take a record's bytes, whatever they are.

        See https://docs.apify.com/api/v2/key-value-store-record-get.

        :raises ApifyNotFoundError: there is no such record, or no such store.
        :raises ApifyDataError: bodies kept breaking.
        """
        self._read_body(storage_endpoints.get_record(store_id, key), reader)

    def read_records(self, store_id: str, reader: BodyReader, *, prefix: str | None = None) -> None:
        """Have a reader take a ZIP file of all records of a store, or of those with a prefix; names are keys.

        See https://docs.apify.com/api/v2/key-value-store-records-get.
        """
        self._read_body(storage_endpoints.get_records(store_id, prefix=prefix), reader)

    def read_log(self, run_id: str, reader: BodyReader) -> None:
        """Have a reader take a run's log as it is now (https://docs.apify.com/api/v2/log-get)."""
        self._read_body(replace(run_endpoints.get_log(run_id), compressed=False), reader)

    def create_dataset(self, name: str) -> Dataset:
        """Create a dataset, or find the one of this name (https://docs.apify.com/api/v2/datasets-post)."""
        return Dataset.from_api(self._call(storage_endpoints.create_dataset(name)))

    def push_piece(
        self,
        dataset_id: str,
        piece: Piece,
        before: int,
        report: Callable[[str], None],
        *,
        look_first: bool = False,
    ) -> None:
        """Append items to a dataset, once (https://docs.apify.com/api/v2/dataset-items-post).

        Where the answer is lost, the dataset's count is watched for the connection's ``start_settle_seconds``.

        :param before: and the others: see :class:`~airflow_provider_apify._api.storages.items.Pusher`.
        """
        pusher = Pusher(dataset_id, self.retry, report, settle=self.connection.start_settle_seconds)
        self._drive(pusher.push(piece, before, look_first=look_first))

    def count_pushed_items(self, dataset_id: str, wanted: int) -> int:
        """Return how many items a dataset counts once all of them are pushed.

        The count has the connection's ``start_settle_seconds`` to show them.

        :param wanted: how many there must be.
        :raises ApifyDataError: there are fewer.
        """
        settle = self.connection.start_settle_seconds
        return self._drive(counts.count_pushed(wanted, dataset_id, self.retry, settle=settle))

    def count_items(self, dataset_id: str, *, settle: float) -> int:
        """Return how many items a dataset has, after so many seconds that the count does not lag any more."""
        return self._drive(counts.count_items(dataset_id, self.retry, delay=settle))

    def count_settled_items(self, dataset_id: str, *, pause: Callable[[float], object] = time.sleep) -> int:
        """Return how many items a dataset has, as :meth:`get_settled_dataset` tells."""
        return self.get_settled_dataset(dataset_id, pause=pause).item_count

    def get_settled_dataset(self, dataset_id: str, *, pause: Callable[[float], object] = time.sleep) -> Dataset:
        """Return a dataset's description with counts that show all of its items.

        Apify's counts lag up to 5 seconds. Where the dataset was changed within these, by Apify's clock, it is asked
        again after the rest of them; the connection's ``cost_settle_seconds`` is the most that is waited.
        See https://docs.apify.com/api/v2/dataset-get.

        :param pause: waits so many seconds before each request; what it raises ends the counting.
        """
        lag = min(COUNT_LAG_SECONDS, self.connection.cost_settle_seconds)
        return self._drive(settled_dataset(dataset_id, self.retry.patient_with_apify(), lag=lag), pause=pause)

    def look_at_items(self, dataset_id: str | None, run_id: str | None) -> ItemsSeen:
        """Look how many items a dataset, or the default one of a run, has now."""
        settle = self.connection.cost_settle_seconds
        return self._drive(look_at_items(dataset_id, run_id, self.retry, settle=settle))

    async def async_look_at_items(self, dataset_id: str | None, run_id: str | None) -> ItemsSeen:
        """Do what :meth:`look_at_items` does, on the event loop."""
        settle = (await self._async_connection()).cost_settle_seconds
        return await self._drive_async(look_at_items(dataset_id, run_id, self.retry.patient(), settle=settle))

    def name_storage(self, kind: StorageKind, storage_id: str, name: str) -> dict[str, Any]:
        """Give a storage a name, so that it is kept, and return it as Apify describes it.

        Doing it twice does no harm. See https://docs.apify.com/api/v2/dataset-put.

        :param kind: ``"dataset"``, ``"key_value_store"`` or ``"request_queue"``.
        :raises ValueError: it has another name already, or another storage has this name.
        :raises ApifyNotFoundError: there is no such storage, or no longer.
        """
        storage = self._call(_GET[kind](storage_id))
        if storage.get("name") == name:
            return storage
        words = kind.replace("_", "-")
        if storage.get("name"):
            raise ValueError(f"The {words} {storage['id']} is named {storage['name']!r} already, so it is kept.")
        try:
            return self._call(storage_endpoints.name_storage(kind, storage["id"], name))
        except ApifyAuthError:
            raise
        except ApifyApiError as error:
            owner = None if error.retryable else self._storage_named(kind, name)
            if owner is None:
                raise
            raise ValueError(
                f"The name {name!r} is taken by the {words} {owner['id']}. Choose another, for example with the date "
                "in it, or rename or delete that one in Apify Console.",
            ) from error

    def _storage_named(self, kind: StorageKind, name: str) -> dict[str, Any] | None:
        username = self._call(account.get_me())["username"]
        try:
            return self._call(_GET[kind](f"{username}~{name}"))
        except ApifyNotFoundError:
            return None

    def _read_body(self, request: request.Request, reader: BodyReader) -> None:
        flow = flows.call_resuming(lambda: request, lambda: reader.progress, self.retry, self.log.warning)
        self._drive(flow, partial(self._send_reading, reader.read, [], piece_bytes=_BODY_PIECE_BYTES))
