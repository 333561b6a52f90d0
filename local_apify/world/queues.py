"""Request queues."""

from __future__ import annotations

import base64
import hashlib
import json
from collections import Counter, OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from local_apify.world.clock import new_id, now
from local_apify.world.datasets import utf8
from local_apify.world.errors import ApiError, not_found

_ID_LENGTH = 15
_DEFAULTS: Mapping[str, Any] = {"method": "GET", "retryCount": 0}
_OPTIONAL = frozenset({"loadedUrl", "payload", "headers", "userData", "noRetry", "errorMessages", "handledAt"})
_READ_ONLY = frozenset({"id", "lockExpiresAt"})
"""What clients send back as they got it: an ID is made of the unique key, and locks have operations of their own."""
FIELDS = frozenset({"uniqueKey", "url", *_DEFAULTS, *_OPTIONAL, *_READ_ONLY})


@dataclass
class QueuedRequest:
    """A request of a queue.

    :param fields: as the API writes them; what is not set is not there.
    :param locked_until: who may work on it until then is ``locked_by``.
    """

    fields: dict[str, Any]
    locked_until: datetime | None = None
    locked_by: str | None = None

    @property
    def is_handled(self) -> bool:
        """Whether the work on it is done."""
        return "handledAt" in self.fields

    @property
    def is_locked(self) -> bool:
        """Whether somebody works on it."""
        return self.locked_until is not None and self.locked_until > now()

    @property
    def size(self) -> int:
        """Its bytes as JSON."""
        return len(json.dumps(self.fields))

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
        return len(self.clients) > 1

    def add(self, fields: Mapping[str, Any], *, forefront: bool = False) -> dict[str, Any]:
        """Add a request at the end, or at the front; one that is known already changes nothing.

        :raises ApiError: it has no URL or no unique key.
        """
        checked = _checked(fields)
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
        checked = _checked(fields)
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

    def lock(self, request: QueuedRequest, seconds: float, client: str | None, *, forefront: bool = False) -> None:
        """Give a client a request for some time.

        :param forefront: whether it comes first once the time is over.
        :raises ApiError: it is done, or another client has it.
        """
        self._check_is_for(client, request)
        request.locked_until, request.locked_by = now() + timedelta(seconds=seconds), client
        if forefront:
            self._waiting.move_to_end(request.fields["id"], last=False)

    def unlock(self, request: QueuedRequest, client: str | None, *, forefront: bool = False) -> None:
        """Let others work on a request.

        :param forefront: whether it comes first then.
        :raises ApiError: it is done, or another client has it.
        """
        self._check_is_for(client, request)
        request.unlock()
        if forefront:
            self._waiting.move_to_end(request.fields["id"], last=False)

    def _check_is_for(self, client: str | None, request: QueuedRequest) -> None:
        """Check that a client may lock or unlock a request.

        The document has the error's type, not its status.
        """
        if request.is_handled or (request.is_locked and request.locked_by != client):
            raise ApiError(403, "request-handled-or-locked", "The request is handled, or locked by another client.")

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


def _checked(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return a request as it is stored: with an ID, without what is unset."""
    unknown = sorted(fields.keys() - FIELDS)
    if unknown:
        raise ApiError(400, "invalid-input", f"A request has no field {', '.join(unknown)}.")
    for name in ("url", "uniqueKey"):
        if not isinstance(fields.get(name), str) or not fields[name]:
            raise ApiError(400, "invalid-input", f'A request needs the field "{name}".')
    given = {name: value for name, value in fields.items() if value is not None and name not in _READ_ONLY}
    return {"id": request_id(given["uniqueKey"]), **_DEFAULTS, **given}
