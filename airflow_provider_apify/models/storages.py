"""What the Apify API says of key-value stores and request queues, as types. No I/O."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from email.message import Message
from typing import Any, Literal

StorageKind = Literal["dataset", "key_value_store", "request_queue"]


@dataclass(frozen=True)
class KeyValueStore:
    """A key-value store's description. ``raw`` may hold a secret key: keep it out of logs.

    See https://docs.apify.com/api/v2/key-value-store-get.
    """

    id: str
    name: str | None
    raw: Mapping[str, Any] = field(repr=False, compare=False)

    @classmethod
    def from_api(cls, data: Mapping[str, Any]) -> KeyValueStore:
        """Read the ``data`` object of ``GET /v2/key-value-stores/{storeId}``."""
        return cls(id=data["id"], name=data.get("name"), raw=data)


@dataclass(frozen=True)
class RecordKey:
    """A key as lists show it.

    :param size: bytes of its record.
    :param public_url: where the record can be read without a token; empty where the list does not say.
    """

    key: str
    size: int
    public_url: str = field(repr=False)

    @classmethod
    def from_api(cls, data: Mapping[str, Any]) -> RecordKey:
        """Read an item of ``GET /v2/key-value-stores/{storeId}/keys``."""
        return cls(key=data["key"], size=data["size"], public_url=data.get("recordPublicUrl") or "")


@dataclass(frozen=True)
class Record:
    """A record of a key-value store."""

    key: str
    content_type: str
    body: bytes = field(repr=False)

    @property
    def is_json(self) -> bool:
        """Whether its type is JSON's, or one made of it."""
        subtype = _header(self.content_type).get_content_subtype()
        return subtype == "json" or subtype.endswith("+json")

    @property
    def value(self) -> Any:
        """What the bytes mean by their type: JSON's value (``None`` for no bytes), text, else the bytes themselves.

        :raises ValueError: they are not what their type says.
        """
        header = _header(self.content_type)
        if self.is_json:
            return json.loads(self.body) if self.body else None
        if header.get_content_maintype() == "text":
            return self.body.decode(header.get_content_charset("utf-8"))
        return self.body


def _header(content_type: str) -> Message:
    header = Message()
    header["content-type"] = content_type
    return header


@dataclass(frozen=True)
class RequestQueue:
    """A request queue's description. Counts may lag behind the requests.

    See https://docs.apify.com/api/v2/request-queue-get.
    """

    id: str
    name: str | None
    total_request_count: int
    handled_request_count: int
    pending_request_count: int
    raw: Mapping[str, Any] = field(repr=False, compare=False)

    @classmethod
    def from_api(cls, data: Mapping[str, Any]) -> RequestQueue:
        """Read the ``data`` object of ``GET /v2/request-queues/{queueId}``."""
        return cls(
            id=data["id"],
            name=data.get("name"),
            total_request_count=data["totalRequestCount"],
            handled_request_count=data["handledRequestCount"],
            pending_request_count=data["pendingRequestCount"],
            raw=data,
        )


@dataclass(frozen=True)
class AddedRequest:
    """What became of a request that was added to a queue."""

    request_id: str
    unique_key: str
    was_already_present: bool
    was_already_handled: bool

    @classmethod
    def from_api(cls, data: Mapping[str, Any]) -> AddedRequest:
        """Read an item of ``processedRequests``."""
        return cls(data["requestId"], data["uniqueKey"], data["wasAlreadyPresent"], data["wasAlreadyHandled"])


@dataclass(frozen=True)
class Dataset:
    """A dataset's description. Counts may lag up to 5 seconds behind the items.

    See https://docs.apify.com/api/v2/dataset-get.

    :param run_id: of the run whose default dataset it is; ``None`` for another.
    :param fields: names of the fields that its items have, as far as Apify knows them.
    """

    id: str
    name: str | None
    item_count: int
    run_id: str | None
    fields: list[str]
    raw: Mapping[str, Any] = field(repr=False, compare=False)

    @property
    def clean_item_count(self) -> int | None:
        """How many items are not empty without their hidden fields; ``None`` where Apify does not say."""
        count = self.raw.get("cleanItemCount")
        return None if count is None else int(count)

    @classmethod
    def from_api(cls, data: Mapping[str, Any]) -> Dataset:
        """Read the ``data`` object of ``GET /v2/datasets/{datasetId}``."""
        return cls(
            id=data["id"],
            name=data.get("name"),
            item_count=int(data.get("itemCount", 0)),
            run_id=data.get("actRunId"),
            fields=list(data.get("fields") or ()),
            raw=data,
        )


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

    def __str__(self) -> str:
        """Say how many items it has."""
        return f"Dataset {self.dataset_id} has {self.item_count} {'item' if self.item_count == 1 else 'items'}"

    def to_payload(self) -> dict[str, Any]:
        """Return plain JSON types; ``ItemsSeen(**payload)`` is the way back."""
        return asdict(self)
