"""Request queues."""

from __future__ import annotations

import base64
import hashlib
import json
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Unpack

from local_apify.world.clock import new_id, now
from local_apify.world.datasets import utf8
from local_apify.world.errors import ApiError, not_found
from local_apify.world.storage import Origin, Storage

_ID_LENGTH = 15
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"})
_DEFAULTS: Mapping[str, Any] = {"method": "GET", "retryCount": 0}
_KINDS: Mapping[str, tuple[type, ...]] = {
    "uniqueKey": (str,),
    "url": (str,),
    "method": (str,),
    "retryCount": (int,),
    "loadedUrl": (str,),
    "payload": (str, dict),
    "headers": (dict,),
    "userData": (dict,),
    "noRetry": (bool,),
    "errorMessages": (list,),
    "handledAt": (str,),
}
_READ_ONLY = frozenset({"id", "lockExpiresAt"})
"""What clients send back as they got it: an ID is made of the unique key, and locks have operations of their own."""
FIELDS = frozenset({*_KINDS, *_READ_ONLY})


@dataclass(frozen=True)
class QueueClient:
    """Who works with a queue: one who says no key and is no run is somebody new with every request."""

    key: str | None = None
    run_id: str | None = None

    def is_same(self, other: QueueClient) -> bool:
        """Tell whether both are the same client: they have the same key, or are the same run."""
        has_same_key = self.key is not None and self.key == other.key
        return has_same_key or (self.run_id is not None and self.run_id == other.run_id)


@dataclass
class QueuedRequest:
    """A request of a queue.

    :param fields: as the API writes them; what is not set is not there.
    :param locked_until: who may work on it until then is ``locked_by``.
    """

    fields: dict[str, Any]
    locked_until: datetime | None = None
    locked_by: QueueClient | None = None

    @property
    def is_handled(self) -> bool:
        """Whether the work on it is done."""
        return "handledAt" in self.fields

    @property
    def is_locked(self) -> bool:
        """Whether somebody works on it."""
        return self.locked_until is not None and self.locked_until > now()

    def is_locked_by(self, client: QueueClient) -> bool:
        """Tell whether it is this client that works on it."""
        return self.is_locked and self.locked_by is not None and self.locked_by.is_same(client)

    @property
    def size(self) -> int:
        """Its bytes as JSON."""
        return len(json.dumps(self.fields))

    def unlock(self) -> None:
        """Let others work on it."""
        self.locked_until = self.locked_by = None


class RequestQueue(Storage):
    """A request queue, named or not. Requests are told apart by their ``uniqueKey``."""

    kind = "Request queue"

    def __init__(self, **origin: Unpack[Origin]) -> None:
        super().__init__(**origin)
        self.client_keys: set[str] = set()
        self.size = 0
        """The bytes of its requests as JSON."""
        self._requests: dict[str, QueuedRequest] = {}
        self._waiting: OrderedDict[str, QueuedRequest] = OrderedDict()

    def __len__(self) -> int:
        return len(self._requests)

    @property
    def handled_count(self) -> int:
        """How many requests are done."""
        return len(self._requests) - len(self._waiting)

    @property
    def had_multiple_clients(self) -> bool:
        """Whether more than one client has worked with it."""
        return len(self.client_keys) > 1

    def note_client(self, client: QueueClient) -> None:
        """Take note of who works with it."""
        if not self.had_multiple_clients:
            self.client_keys.add(client.key or f"nobody {new_id()}")

    def add(self, fields: Mapping[str, Any], *, forefront: bool = False) -> dict[str, Any]:
        """Add a request at the end, or at the front; one that is known already changes nothing.

        :raises ApiError: it has no URL or no unique key, or something that no request has.
        """
        checked = checked_request(fields)
        self.counts["write"] += 1
        known = self._requests.get(checked["id"])
        if known is None:
            self._put(QueuedRequest(checked), forefront=forefront)
        return {
            "requestId": checked["id"],
            "wasAlreadyPresent": known is not None,
            "wasAlreadyHandled": known is not None and known.is_handled,
        }

    def _put(self, request: QueuedRequest, *, forefront: bool) -> None:
        """Take a request in, or back, at the end or the front of what is to be done."""
        identifier = request.fields["id"]
        self._take_out(identifier)
        self._requests[identifier] = request
        self.size += request.size
        if not request.is_handled:
            self._waiting[identifier] = request
            self._waiting.move_to_end(identifier, last=not forefront)
        self.modified_at = now()

    def _take_out(self, identifier: str) -> None:
        known = self._requests.pop(identifier, None)
        self._waiting.pop(identifier, None)
        self.size -= known.size if known else 0

    def find(self, identifier: str) -> QueuedRequest:
        """Return a request.

        :raises ApiError: there is none.
        """
        self.counts["read"] += 1
        if identifier not in self._requests:
            raise not_found("Request")
        return self._requests[identifier]

    def update(self, identifier: str, fields: Mapping[str, Any], *, forefront: bool = False) -> dict[str, Any]:
        """Put a request in the place of the one that is there, or add it; what is handled is unlocked."""
        checked = checked_request(fields)
        if identifier != checked["id"]:
            raise ApiError(400, "invalid-input", "The request's uniqueKey is not that of the ID in the path.")
        before = self._requests.get(identifier)
        result = self.add(fields, forefront=forefront)
        if before is None:
            return result
        after = QueuedRequest(checked)
        if not after.is_handled:
            after.locked_until, after.locked_by = before.locked_until, before.locked_by
        self._put(after, forefront=forefront)
        return result

    def delete(self, identifier: str) -> QueuedRequest:
        """Remove a request.

        :raises ApiError: there is none.
        """
        request = self.find(identifier)
        self._take_out(identifier)
        self.counts["delete"] += 1
        self.modified_at = now()
        return request

    def head(self, limit: int) -> list[QueuedRequest]:
        """Return what is to be worked on next."""
        shown = list(islice((each for each in self._waiting.values() if not each.is_locked), limit))
        self.counts["headItemRead"] += len(shown)
        return shown

    def lock(self, request: QueuedRequest, seconds: float, client: QueueClient) -> None:
        """Give a client a request for some time."""
        request.locked_until, request.locked_by = now() + timedelta(seconds=seconds), client

    def prolong(self, request: QueuedRequest, seconds: float, client: QueueClient, *, forefront: bool) -> None:
        """Let a client keep a request for longer.

        :param forefront: whether it comes first once the time is over.
        :raises ApiError: it is done, or the client does not have it.
        """
        if request.is_handled or not request.is_locked_by(client):
            raise _not_theirs()
        request.locked_until, request.locked_by = now() + timedelta(seconds=seconds), client
        if forefront:
            self._waiting.move_to_end(request.fields["id"], last=False)

    def unlock(self, request: QueuedRequest, client: QueueClient, *, forefront: bool = False) -> None:
        """Let others work on a request.

        :param forefront: whether it comes first then.
        :raises ApiError: it is done, or another client has it.
        """
        if request.is_handled or (request.is_locked and not request.is_locked_by(client)):
            raise _not_theirs()
        request.unlock()
        if forefront:
            self._waiting.move_to_end(request.fields["id"], last=False)

    def all_after(self, identifier: str | None) -> list[QueuedRequest]:
        """Return the requests in the order of their IDs, those after one if it is given."""
        return [each for key, each in sorted(self._requests.items()) if identifier is None or key > identifier]

    def locked(self) -> list[QueuedRequest]:
        """Return the requests that somebody works on."""
        return [each for each in self._waiting.values() if each.is_locked]


def request_id(unique_key: str) -> str:
    """Return the ID that Apify gives a request with this unique key."""
    text = base64.b64encode(hashlib.sha256(utf8(unique_key)).digest()).decode()
    return "".join(letter for letter in text if letter not in "+/=")[:_ID_LENGTH]


def checked_request(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return a request as it is stored: with an ID, without what is unset.

    :raises ApiError: it has no URL or no unique key, or something that no request has.
    """
    unknown = sorted(fields.keys() - FIELDS)
    if unknown:
        raise ApiError(400, "invalid-input", f"A request has no field {', '.join(unknown)}.")
    given = {name: value for name, value in fields.items() if value is not None and name not in _READ_ONLY}
    for name in ("url", "uniqueKey"):
        if not given.get(name):
            raise ApiError(400, "invalid-input", f'A request needs the field "{name}".')
    for name, value in given.items():
        if not _fits(name, value):
            raise ApiError(400, "invalid-input", f'Field "{name}" of a request has a wrong value.')
    return {"id": request_id(given["uniqueKey"]), **_DEFAULTS, **given}


def _fits(name: str, value: Any) -> bool:
    """Tell whether a field of a request may have this value."""
    kinds = _KINDS[name]
    if not isinstance(value, kinds) or isinstance(value, bool) != (bool in kinds):
        return False
    if name == "handledAt":
        return _is_moment(str(value))
    return name != "method" or value in _METHODS


def _is_moment(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return "T" in text


def _not_theirs() -> ApiError:
    """Say that a client may not have a request; the document has the error's type, not its status."""
    message = "The request is handled, or not locked by this client."
    return ApiError(403, "request-handled-or-locked", message)
