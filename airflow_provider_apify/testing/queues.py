"""Request queues."""

from __future__ import annotations

import base64
import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from airflow_provider_apify.testing.clock import new_id, now
from airflow_provider_apify.testing.datasets import utf8
from airflow_provider_apify.testing.errors import ApiError, not_found

_ID_LENGTH = 15
_DEFAULTS: Mapping[str, Any] = {
    "method": "GET",
    "retryCount": 0,
    "loadedUrl": None,
    "payload": None,
    "headers": None,
    "userData": {},
    "noRetry": False,
    "errorMessages": None,
    "handledAt": None,
}
FIELDS = frozenset({"id", "uniqueKey", "url", *_DEFAULTS})


@dataclass
class QueuedRequest:
    """A request of a queue.

    :param fields: as the API writes them.
    :param locked_until: who may work on it until then is ``locked_by``.
    """

    fields: dict[str, Any]
    locked_until: datetime | None = None
    locked_by: str | None = None

    @property
    def is_handled(self) -> bool:
        """Whether the work on it is done."""
        return self.fields["handledAt"] is not None

    @property
    def is_locked(self) -> bool:
        """Whether somebody works on it."""
        return self.locked_until is not None and self.locked_until > now()

    def unlock(self) -> None:
        """Let others work on it."""
        self.locked_until = self.locked_by = None


class RequestQueue:
    """A request queue, named or not. Requests are told apart by their ``uniqueKey``."""

    kind = "Request queue"

    def __init__(self, *, name: str | None = None, actor_id: str | None = None, run_id: str | None = None) -> None:
        self.id = new_id()
        self.name = name
        self.actor_id = actor_id
        self.run_id = run_id
        self.created_at = self.modified_at = self.accessed_at = now()
        self.general_access = "FOLLOW_USER_SETTING"
        self.clients: set[str | None] = set()
        self.counts: Counter[str] = Counter()
        self._requests: dict[str, QueuedRequest] = {}

    def __len__(self) -> int:
        return len(self._requests)

    @property
    def size(self) -> int:
        """The bytes of its requests as JSON."""
        return sum(len(json.dumps(request.fields)) for request in self._requests.values())

    @property
    def handled_count(self) -> int:
        """How many requests are done."""
        return sum(request.is_handled for request in self._requests.values())

    @property
    def had_multiple_clients(self) -> bool:
        """Whether more than one client has worked with it."""
        return len(self.clients) > 1

    def add(self, fields: Mapping[str, Any], *, forefront: bool = False) -> dict[str, Any]:
        """Add a request at the end, or at the front; one that is known already changes nothing.

        :raises ApiError: it has no URL or no unique key.
        """
        checked = _checked(fields)
        self.counts["write"] += 1
        identifier = request_id(checked["uniqueKey"])
        known = self._requests.get(identifier)
        if known is None:
            added = QueuedRequest({**_DEFAULTS, **checked, "id": identifier})
            front = {identifier: added} if forefront else {}
            self._requests = {**front, **self._requests, identifier: added}
            self.modified_at = now()
        return {
            "requestId": identifier,
            "wasAlreadyPresent": known is not None,
            "wasAlreadyHandled": known is not None and known.is_handled,
        }

    def find(self, identifier: str) -> QueuedRequest:
        """Return a request.

        :raises ApiError: there is none.
        """
        self.counts["read"] += 1
        if identifier not in self._requests:
            raise not_found("Request")
        return self._requests[identifier]

    def update(self, identifier: str, fields: Mapping[str, Any], *, forefront: bool = False) -> dict[str, Any]:
        """Replace a request's fields, or add the request; what is handled is unlocked."""
        result = self.add(fields, forefront=forefront)
        request = self.find(result["requestId"])
        if identifier != result["requestId"]:
            raise ApiError(400, "invalid-input", "The request's uniqueKey is not that of the ID in the path.")
        request.fields.update(_checked(fields))
        if request.is_handled:
            request.unlock()
        elif forefront:
            self._requests = {identifier: self._requests.pop(identifier), **self._requests}
        self.modified_at = now()
        return result

    def delete(self, identifier: str) -> QueuedRequest:
        """Remove a request.

        :raises ApiError: there is none.
        """
        request = self.find(identifier)
        del self._requests[identifier]
        self.counts["delete"] += 1
        self.modified_at = now()
        return request

    def head(self, limit: int) -> list[QueuedRequest]:
        """Return what is to be worked on next."""
        shown = [each for each in self._requests.values() if not each.is_handled and not each.is_locked][:limit]
        self.counts["headItemRead"] += len(shown)
        return shown

    def lock(self, request: QueuedRequest, seconds: float, client: str | None) -> None:
        """Give a client a request for some time."""
        request.locked_until, request.locked_by = now() + timedelta(seconds=seconds), client

    def all_after(self, identifier: str | None) -> list[QueuedRequest]:
        """Return the requests in the order of their IDs, those after one if it is given."""
        return [each for key, each in sorted(self._requests.items()) if identifier is None or key > identifier]

    def locked(self) -> list[QueuedRequest]:
        """Return the requests that somebody works on."""
        return [each for each in self._requests.values() if each.is_locked]


def request_id(unique_key: str) -> str:
    """Return the ID that Apify gives a request with this unique key."""
    text = base64.b64encode(hashlib.sha256(utf8(unique_key)).digest()).decode()
    return "".join(letter for letter in text if letter not in "+/=")[:_ID_LENGTH]


def _checked(fields: Mapping[str, Any]) -> dict[str, Any]:
    unknown = sorted(fields.keys() - FIELDS)
    if unknown:
        raise ApiError(400, "invalid-input", f"A request has no field {', '.join(unknown)}.")
    for name in ("url", "uniqueKey"):
        if not isinstance(fields.get(name), str) or not fields[name]:
            raise ApiError(400, "invalid-input", f'A request needs the field "{name}".')
    return dict(fields)
