"""Which HTTP request each operation on key-value stores, request queues and datasets' items is. No I/O.

Reference: https://docs.apify.com/api/v2
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from airflow_provider_apify._api.facts import MAX_PAGE
from airflow_provider_apify._api.request import CREATED, JSON, NO_CONTENT, Request, query, segment
from airflow_provider_apify._arguments.references import read_reference
from airflow_provider_apify.models.storages import StorageKind

OCTETS = "application/octet-stream"
TEXT = "text/plain; charset=utf-8"
_COLLECTIONS: Mapping[StorageKind, str] = MappingProxyType(
    {"dataset": "datasets", "key_value_store": "key-value-stores", "request_queue": "request-queues"}
)


def name_storage(kind: StorageKind, storage_id: str, name: str) -> Request:
    """``PUT /v2/datasets/{datasetId}``, ``PUT /v2/key-value-stores/{storeId}`` or ``PUT /v2/request-queues/{queueId}``.

    :param name: that the storage gets.
    """
    path = f"/v2/{_COLLECTIONS[kind]}/{segment(read_reference(kind, storage_id))}"
    return Request("PUT", path, body=json.dumps({"name": name}).encode())


def create_dataset(name: str) -> Request:
    """``POST /v2/datasets``: creates a dataset, or returns the one of this name."""
    return Request("POST", "/v2/datasets", query({"name": name}))


def create_store(name: str | None) -> Request:
    """``POST /v2/key-value-stores``: creates a store, or returns the one of this name."""
    return Request("POST", "/v2/key-value-stores", query({"name": name}), retry_safe=name is not None)


def get_store(store_id: str) -> Request:
    """``GET /v2/key-value-stores/{storeId}``."""
    return Request("GET", _store(store_id))


def list_keys(store_id: str, *, start: str | None, prefix: str | None) -> Request:
    """``GET /v2/key-value-stores/{storeId}/keys``: at most 1,000, of those after ``start``."""
    params = query({"exclusiveStartKey": start, "prefix": prefix, "limit": MAX_PAGE})
    return Request("GET", f"{_store(store_id)}/keys", params)


def get_record(store_id: str, key: str) -> Request:
    """``GET /v2/key-value-stores/{storeId}/records/{recordKey}``, as it was stored: Apify changes HTML otherwise."""
    params = query({"attachment": True})
    return Request("GET", _record(store_id, key), params, compressed=False, is_long=True, brings="record")


def get_records(store_id: str, *, prefix: str | None) -> Request:
    """``GET /v2/key-value-stores/{storeId}/records``: a ZIP file of all records, or of those with a prefix."""
    params = query({"prefix": prefix or None})
    return Request("GET", f"{_store(store_id)}/records", params, compressed=False, is_long=True)


def look_for_record(store_id: str, key: str) -> Request:
    """``HEAD /v2/key-value-stores/{storeId}/records/{recordKey}``."""
    return Request("HEAD", _record(store_id, key))


def put_record(store_id: str, key: str, body: bytes, content_type: str) -> Request:
    """``PUT /v2/key-value-stores/{storeId}/records/{recordKey}``."""
    return Request("PUT", _record(store_id, key), body=body, content_type=content_type, done_status=CREATED)


def delete_record(store_id: str, key: str) -> Request:
    """``DELETE /v2/key-value-stores/{storeId}/records/{recordKey}``: no error where there is none."""
    return Request("DELETE", _record(store_id, key), done_status=NO_CONTENT)


def get_queue(queue_id: str) -> Request:
    """``GET /v2/request-queues/{queueId}``."""
    return Request("GET", _queue(queue_id))


def get_queue_head(queue_id: str, *, limit: int) -> Request:
    """``GET /v2/request-queues/{queueId}/head``: what comes next; at most 1,000."""
    return Request("GET", f"{_queue(queue_id)}/head", query({"limit": limit}))


def add_requests(queue_id: str, requests: Sequence[Mapping[str, Any]], *, forefront: bool) -> Request:
    """``POST /v2/request-queues/{queueId}/requests/batch``: at most 25; nothing happens to those that are known."""
    params = query({"forefront": forefront or None})
    return Request("POST", f"{_queue(queue_id)}/requests/batch", params, json.dumps(requests).encode())


def push_items(dataset_id: str, body: bytes) -> Request:
    """``POST /v2/datasets/{datasetId}/items``: items pushed twice are there twice.

    :param body: a JSON array of objects, at most 5 MB.
    """
    path = f"/v2/datasets/{segment(read_reference('dataset', dataset_id))}/items"
    return Request("POST", path, body=body, retry_safe=False, done_status=CREATED)


def encode_record(value: Any, content_type: str | None) -> tuple[bytes, str]:
    """Return a record's body and its type: text and bytes as they are, anything else as JSON.

    :raises ValueError: neither text nor bytes where ``content_type`` is not JSON's, or no JSON value.
    """
    if isinstance(value, bytes):
        return value, content_type or OCTETS
    if isinstance(value, str):
        return value.encode(), content_type or TEXT
    if content_type is not None and "json" not in content_type:
        raise ValueError(f"A record of type {content_type} must be a string or bytes, not {type(value).__name__}.")
    try:
        return json.dumps(value, allow_nan=False).encode(), content_type or JSON
    except (TypeError, RecursionError) as error:
        raise ValueError(f"The record's value cannot be written as JSON: {error}.") from None


def _store(store_id: str) -> str:
    return f"/v2/key-value-stores/{segment(read_reference('key_value_store', store_id))}"


def _record(store_id: str, key: str) -> str:
    return f"{_store(store_id)}/records/{segment(key)}"


def _queue(queue_id: str) -> str:
    return f"/v2/request-queues/{segment(read_reference('request_queue', queue_id))}"


def get_dataset(dataset_id: str) -> Request:
    """``GET /v2/datasets/{datasetId}``."""
    return Request("GET", f"/v2/datasets/{segment(read_reference('dataset', dataset_id))}")


def get_items(dataset_id: str, params: Mapping[str, Any]) -> Request:
    """``GET /v2/datasets/{datasetId}/items``.

    :param params: by their API names; ``None`` leaves one out, a list is joined with commas.
    """
    path = f"/v2/datasets/{segment(read_reference('dataset', dataset_id))}/items"
    return Request("GET", path, query(params), is_long=True)
