"""Key-value stores: records by their keys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from airflow_provider_apify._api import flows
from airflow_provider_apify._api.pages import by_key
from airflow_provider_apify._api.storages import endpoints
from airflow_provider_apify.exceptions import ApifyDataError, ApifyNotFoundError
from airflow_provider_apify.hooks._client import ApifyClient
from airflow_provider_apify.models.storages import KeyValueStore, Record, RecordKey


class KeyValueStores(ApifyClient):
    """The methods of :class:`~airflow_provider_apify.hooks.apify.ApifyHook` for key-value stores.

    A store is named by its ID, for example ``run.key_value_store_id`` for the one that each run has, or by
    ``username~store-name``. A key has 1 to 256 of the characters ``a-zA-Z0-9!-_.'()``.
    """

    def create_key_value_store(self, name: str | None = None) -> KeyValueStore:
        """Create a store, or find the one of this name (https://docs.apify.com/api/v2/key-value-stores-post).

        :param name: what makes it outlive its unnamed kin, which Apify deletes some days after they were used last.
        """
        return KeyValueStore.from_api(self._call(endpoints.create_store(name)))

    def get_key_value_store(self, store_id: str) -> KeyValueStore:
        """Return a store's description (https://docs.apify.com/api/v2/key-value-store-get)."""
        return KeyValueStore.from_api(self._call(endpoints.get_store(store_id)))

    def get_record(self, store_id: str, key: str) -> Record:
        """Return a record: its bytes, their type, and the ``value`` that they mean.

        By Apify's convention, ``"OUTPUT"`` is the single result of a run and ``"INPUT"`` is its input.
        See https://docs.apify.com/api/v2/key-value-store-record-get.

        :raises ApifyNotFoundError: there is no such record, or no such store.
        """
        answer = self._drive(flows.call(endpoints.get_record(store_id, key), self.retry))
        return Record(key, answer.headers.get("content-type", ""), answer.body)

    def record_exists(self, store_id: str, key: str) -> bool:
        """Tell whether there is such a record (https://docs.apify.com/api/v2/key-value-store-record-head)."""
        try:
            self._drive(flows.call(endpoints.look_for_record(store_id, key), self.retry))
        except ApifyNotFoundError:
            return False
        return True

    def set_record(self, store_id: str, key: str, value: Any, *, content_type: str | None = None) -> None:
        """Store a record, in the place of the one that the key has.

        See https://docs.apify.com/api/v2/key-value-store-record-put.

        :param value: bytes and strings are stored as they are, anything else as JSON.
        :param content_type: by default that of octets, text or JSON, as the value is.
        :raises ValueError: the value is not of its type.
        :raises ApifyApiError: Apify takes no such key.
        """
        body, kind = endpoints.encode_record(value, content_type)
        self._drive(flows.call(endpoints.put_record(store_id, key, body, kind), self.retry))

    def delete_record(self, store_id: str, key: str) -> None:
        """Delete a record, whether or not there is one (https://docs.apify.com/api/v2/key-value-store-record-delete)."""
        self._drive(flows.call(endpoints.delete_record(store_id, key), self.retry))

    def iterate_keys(self, store_id: str, *, prefix: str | None = None) -> Iterator[RecordKey]:
        """Yield the keys of a store in the order of the alphabet, a page of 1,000 at a time as they are needed.

        See https://docs.apify.com/api/v2/key-value-store-keys-get.

        :param prefix: only keys that begin so.
        """

        def page(start: str | None) -> Mapping[str, Any]:
            return self._call(endpoints.list_keys(store_id, start=start, prefix=prefix))

        return map(RecordKey.from_api, by_key(page))

    def get_record_url(self, store_id: str, key: str) -> str:
        """Return a record's public URL: who has it can read the record without a token.

        Apify signs it where the store is not open to everybody. See
        https://docs.apify.com/api/v2/key-value-store-keys-get.

        :raises ApifyNotFoundError: there is no such record, or no such store.
        :raises ApifyDataError: the list of keys does not say it.
        """
        found = self._find_key(store_id, key)
        if found is None:
            words = f"Key-value store {store_id} has no record {key!r}."
            raise ApifyNotFoundError(words, http_status=404, error_type="record-not-found")
        if not found.public_url:
            raise ApifyDataError(f"The list of keys of store {store_id} does not say the public URL of record {key!r}.")
        return found.public_url

    def _find_key(self, store_id: str, key: str) -> RecordKey | None:
        """Return what the list of keys says of one of them: of those that begin with it, it comes first."""
        found = next(self.iterate_keys(store_id, prefix=key), None)
        return found if found and found.key == key else None
