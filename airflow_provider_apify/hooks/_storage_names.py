"""Storages that are given a name, so that they are kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from airflow_provider_apify._api import account, request
from airflow_provider_apify._api.storages import endpoints
from airflow_provider_apify.exceptions import ApifyApiError, ApifyAuthError, ApifyNotFoundError
from airflow_provider_apify.hooks._client import ApifyClient
from airflow_provider_apify.models.storages import StorageKind

_GET: Mapping[StorageKind, Callable[[str], request.Request]] = MappingProxyType(
    {
        "dataset": endpoints.get_dataset,
        "key_value_store": endpoints.get_store,
        "request_queue": endpoints.get_queue,
    }
)


class StorageNames(ApifyClient):
    """The method of :class:`~airflow_provider_apify.hooks.apify.ApifyHook` that names a storage."""

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
            return self._call(endpoints.name_storage(kind, storage["id"], name))
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
