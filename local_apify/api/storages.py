"""Datasets, key-value stores and request queues."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from starlette.responses import Response

from local_apify.api import queues, records
from local_apify.api.access import AnyStorage
from local_apify.api.answers import data, page_of
from local_apify.api.builds import find_build
from local_apify.api.call import Call
from local_apify.api.endpoint import Endpoint, Handler
from local_apify.api.opened import opened
from local_apify.api.runs import RUNS
from local_apify.api.streams import items_response, log_response
from local_apify.world.account import ACCESS_LEVELS
from local_apify.world.clock import iso, now
from local_apify.world.datasets import Dataset
from local_apify.world.errors import ApiError, invalid
from local_apify.world.queues import RequestQueue
from local_apify.world.signatures import content_signature
from local_apify.world.stores import KeyValueStore
from local_apify.world.world import Storages, World

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.IGNORECASE | re.ASCII)
S = TypeVar("S", Dataset, KeyValueStore, RequestQueue)


def _common(call: Call, storage: AnyStorage) -> dict[str, Any]:
    return {
        "id": storage.id,
        "name": storage.name,
        "userId": call.owner_of(storage).id,
        "createdAt": iso(storage.created_at),
        "modifiedAt": iso(storage.modified_at),
        "accessedAt": iso(storage.accessed_at),
        "actId": storage.actor_id,
        "actRunId": storage.run_id,
        "generalAccess": storage.general_access,
    }


def dataset_shape(call: Call, dataset: Dataset) -> dict[str, Any]:
    """Write a dataset as the API does: what opens it to others only for who may write to it."""
    count = dataset.counted(call.world.settings.item_count_lag_seconds)
    signature = content_signature(dataset.signing_key, dataset.id)
    items_url = f"{call.base_url}/v2/datasets/{dataset.id}/items?signature={signature}"
    return _common(call, dataset) | {
        "itemCount": count,
        "cleanItemCount": min(dataset.clean_count, count),
        "fields": dataset.field_names,
        "schema": dataset.schema,
        "consoleUrl": f"{call.world.settings.console_url}/storage/datasets/{dataset.id}",
        **_signed(call, dataset, itemsPublicUrl=items_url),
        "stats": {"readCount": dataset.counts["read"], "writeCount": len(dataset), "storageBytes": dataset.size},
    }


def store_shape(call: Call, store: KeyValueStore) -> dict[str, Any]:
    """Write a key-value store as the API does."""
    base = f"{call.base_url}/v2/key-value-stores/{store.id}"
    signature = content_signature(store.signing_key, store.id)
    size = sum(len(record.stored) for record in store.records.values())
    return _common(call, store) | {
        "consoleUrl": f"{call.world.settings.console_url}/storage/key-value/{store.id}",
        **_signed(
            call,
            store,
            keysPublicUrl=f"{base}/keys?signature={signature}",
            recordsPublicUrl=f"{base}/records?signature={signature}",
        ),
        "stats": _counts(store.counts, "read", "write", "delete", "list") | {"storageBytes": size},
    }


def _signed(call: Call, storage: Dataset | KeyValueStore, **urls: str) -> dict[str, str]:
    """Return signed URLs and the key that makes them, for who may write to the storage."""
    return {"urlSigningSecretKey": storage.signing_key, **urls} if call.access.has_storage(storage) else {}


def queue_shape(call: Call, queue: RequestQueue) -> dict[str, Any]:
    """Write a request queue as the API does."""
    return _common(call, queue) | {
        "totalRequestCount": len(queue),
        "handledRequestCount": queue.handled_count,
        "pendingRequestCount": len(queue) - queue.handled_count,
        "hadMultipleClients": queue.had_multiple_clients,
        "consoleUrl": f"{call.world.settings.console_url}/storage/request-queues/{queue.id}",
        "stats": _counts(queue.counts, "headItemRead", "read", "write", "delete") | {"storageBytes": queue.size},
    }


def _counts(counts: Counter[str], *names: str) -> dict[str, int]:
    return {f"{name}Count": counts[name] for name in names}


@dataclass(frozen=True, kw_only=True)
class Kind(Generic[S]):
    """A kind of storage, and the operations that all kinds have.

    :param collection: its path in the API.
    :param parameter: the name of the id in paths.
    :param below_run: where the default one of a run is.
    :param not_listed: fields that lists leave out.
    """

    collection: str
    parameter: str
    below_run: str
    make: Callable[[str | None], S]
    all: Callable[[World], Storages[S]]
    find: Callable[[Call], S]
    shape: Callable[[Call, S], dict[str, Any]]
    not_listed: frozenset[str] = frozenset()

    @property
    def paths(self) -> list[str]:
        """The paths that name one storage."""
        return [f"{self.collection}/{{{self.parameter}}}", *(run + self.below_run for run in RUNS)]

    async def list_all(self, call: Call) -> Response:
        """List storages: the named ones, or all."""
        unnamed, is_owned = call.query.flag("unnamed"), _is_owned(call)
        storages = [storage for storage in self.all(call.world).values() if call.access.has_storage(storage)]
        shown = [storage for storage in storages if is_owned and (unnamed or storage.name)]
        return page_of(call, shown, lambda storage: self._listed(call, storage), unnamed=unnamed)

    def _listed(self, call: Call, storage: S) -> dict[str, Any]:
        short = {name: value for name, value in self.shape(call, storage).items() if name not in self.not_listed}
        return short | {"name": storage.name or storage.id, "username": call.world.user.username}

    async def create(self, call: Call) -> Response:
        """Create a storage, or find the one of this name."""
        name = call.query.text("name")
        storages = self.all(call.world)
        known = next((storage for storage in storages.values() if name and storage.name == name), None)
        if known is not None:
            call.access.check_own(known)
            return data(self.shape(call, known))
        storage = self.make(_checked_name(name))
        if call.acting_run is not None:
            storage.actor_id, storage.run_id = call.acting_run.actor.id, call.acting_run.id
        storages[storage.id] = storage
        location = f"{call.base_url}{self.collection}/{storage.id}"
        return data(self.shape(call, storage), 201, {"Location": location})

    async def get(self, call: Call) -> Response:
        """Get a storage."""
        storage = self.find(call)
        return data(self.shape(call, storage))

    async def update(self, call: Call) -> Response:
        """Rename a storage, which makes it outlive its run, or change who may see it."""
        storage = self.find(call)
        body = await call.body.json_object()
        access = body.one_of("generalAccess", ACCESS_LEVELS)
        if "name" in body:
            name = _checked_name(body.get("name", str))
            if any(other.name == name for other in self.all(call.world).values() if name and other is not storage):
                raise ApiError(400, "name-not-unique", f"There is another storage named {name}.")
            storage.name = name
        storage.general_access = access or storage.general_access
        storage.modified_at = now()
        return data(self.shape(call, storage))

    async def delete(self, call: Call) -> Response:
        """Delete a storage."""
        storage = self.find(call)
        del self.all(call.world)[storage.id]
        return Response(status_code=204)

    def endpoints(self) -> list[Endpoint]:
        """Return what this kind of storage answers to."""
        operations: dict[str, Handler] = {"GET": self.get, "PUT": self.update, "DELETE": self.delete}
        return [
            Endpoint("GET", self.collection, self.list_all),
            Endpoint("POST", self.collection, self.create),
            *[Endpoint(method, path, handler) for path in self.paths for method, handler in operations.items()],
        ]


def _is_owned(call: Call) -> bool:
    """Tell whether a list has the user's own storages in it: nobody has shared any."""
    ownership = call.query.text("ownership")
    if ownership not in {None, "ownedByMe", "sharedWithMe"}:
        raise invalid('Parameter "ownership" must be ownedByMe or sharedWithMe')
    return ownership != "sharedWithMe"


def _checked_name(name: str | None) -> str | None:
    if name is not None and not _NAME.fullmatch(name):
        raise ApiError(400, "invalid-value", "A name has letters, digits and hyphens, 63 characters at most.")
    return name


DATASETS = Kind[Dataset](
    collection="/v2/datasets",
    parameter="datasetId",
    below_run="/dataset",
    make=lambda name: Dataset(name=name),
    all=lambda world: world.datasets,
    find=Call.find_dataset,
    shape=dataset_shape,
    not_listed=frozenset({"fields", "schema", "consoleUrl", "itemsPublicUrl", "urlSigningSecretKey"}),
)
STORES = Kind[KeyValueStore](
    collection="/v2/key-value-stores",
    parameter="storeId",
    below_run="/key-value-store",
    make=lambda name: KeyValueStore(name=name),
    all=lambda world: world.stores,
    find=Call.find_store,
    shape=store_shape,
    not_listed=frozenset({"urlSigningSecretKey"}),
)
QUEUES = Kind[RequestQueue](
    collection="/v2/request-queues",
    parameter="queueId",
    below_run="/request-queue",
    make=lambda name: RequestQueue(name=name),
    all=lambda world: world.queues,
    find=Call.find_queue,
    shape=queue_shape,
    not_listed=frozenset({"consoleUrl"}),
)


async def get_items(call: Call) -> Response:
    """Get a page of a dataset's items: with the token, or by the signed URL of the items."""
    return await items_response(call, opened(call, Call.find_dataset))


async def push_items(call: Call) -> Response:
    """Store an item or several."""
    dataset = call.find_dataset()
    value = await call.body.json(call.world.settings.max_push_bytes)
    items = value if isinstance(value, list) else [value]
    if not all(isinstance(item, dict) for item in items):
        raise ApiError(400, "invalid-input", "Items must be JSON objects.")
    dataset.push(items)
    location = f"{call.base_url}/v2/datasets/{dataset.id}/items"
    return Response(b"{}", 201, {"Location": location}, "application/json")


async def get_statistics(call: Call) -> Response:
    """Get statistics of a dataset's fields, which only datasets with a schema have."""
    call.find_dataset()
    return data({"fieldStatistics": None})


async def get_log(call: Call) -> Response:
    """Get the log of a run or a build."""
    if "buildOrRunId" not in call.path:
        return log_response(call, call.find_run())
    identifier = call.path["buildOrRunId"]
    if identifier in call.world.builds.all:
        return log_response(call, find_build(call, identifier, "Log"))
    return log_response(call, call.access.run(identifier, "Log"))


ENDPOINTS = [
    *DATASETS.endpoints(),
    *STORES.endpoints(),
    *QUEUES.endpoints(),
    Endpoint("HEAD", "/v2/datasets/{datasetId}/items", get_items, is_public=True),
    *[Endpoint("GET", f"{path}/items", get_items, is_public=True) for path in DATASETS.paths],
    *[Endpoint("POST", f"{path}/items", push_items) for path in DATASETS.paths],
    *[Endpoint("GET", f"{path}/statistics", get_statistics) for path in DATASETS.paths],
    *[Endpoint("GET", f"{path}/keys", records.list_keys, is_public=True) for path in STORES.paths],
    Endpoint("HEAD", "/v2/key-value-stores/{storeId}/records/{recordKey}", records.get, is_public=True),
    *[Endpoint("GET", f"{path}/records/{{recordKey}}", records.get, is_public=True) for path in STORES.paths],
    *[Endpoint("GET", f"{path}/records", records.archive, is_public=True) for path in STORES.paths],
    *[Endpoint("PUT", f"{path}/records/{{recordKey}}", records.put) for path in STORES.paths],
    *[Endpoint("POST", f"{path}/records/{{recordKey}}", records.put) for path in STORES.paths],
    *[Endpoint("DELETE", f"{path}/records/{{recordKey}}", records.delete) for path in STORES.paths],
    *[endpoint for path in QUEUES.paths for endpoint in queues.endpoints_below(path)],
    *[Endpoint("GET", f"{path}/log", get_log) for path in RUNS],
    Endpoint("GET", "/v2/logs/{buildOrRunId}", get_log, is_public=True),
]
