"""The requests of request queues."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from starlette.responses import Response

from local_apify.api.answers import MAX_LIST, data
from local_apify.api.bodies import JsonObject
from local_apify.api.call import Call
from local_apify.api.endpoint import Endpoint, Handler
from local_apify.world.clock import iso
from local_apify.world.errors import ApiError, invalid
from local_apify.world.queues import QueueClient, QueuedRequest, RequestQueue, checked_request, request_id

MAX_BATCH = 25
MAX_LOCK_SECONDS = 365 * 24 * 3600
"""No limit of Apify's is known."""
_STATES = frozenset({"locked", "pending"})
MAX_CLIENT_KEY = 32
_HEAD_FIELDS = ("id", "uniqueKey", "url", "method", "retryCount")
_DRAFT_FIELDS = ("uniqueKey", "url", "method")


def _find(call: Call) -> RequestQueue:
    queue, client = call.find_queue(), _client(call)
    queue.note_client(client)
    return queue


def _client(call: Call) -> QueueClient:
    key, run = call.query.text("clientKey"), call.acting_run
    if key is not None and len(key) > MAX_CLIENT_KEY:
        raise ApiError(400, "invalid-client-key", f"A client key has at most {MAX_CLIENT_KEY} characters.")
    return QueueClient(key, run.id if run else None)


async def add(call: Call) -> Response:
    """Add a request."""
    body = await call.body.json_object()
    return data(_find(call).add(body.values, forefront=call.query.flag("forefront")), 201)


async def add_batch(call: Call) -> Response:
    """Add several requests; as many as the settings say are left to be sent again."""
    batch = await _batch(call)
    for each in batch:
        checked_request(each)  # a batch with a wrong request adds none
    queue, taken = _find(call), call.world.settings.queue_requests_per_batch
    processed = [
        {**queue.add(each, forefront=call.query.flag("forefront")), "uniqueKey": each["uniqueKey"]}
        for each in batch[:taken]
    ]
    left = [] if taken is None else batch[taken:]
    unprocessed = [{name: each[name] for name in _DRAFT_FIELDS if name in each} for each in left]
    return data({"processedRequests": processed, "unprocessedRequests": unprocessed}, 201)


async def delete_batch(call: Call) -> Response:
    """Delete several requests, each named by its ID or its unique key."""
    queue, processed, unprocessed = _find(call), [], []
    batch = [(each, _named(JsonObject(each))) for each in await _batch(call)]
    for each, identifier in batch:
        try:
            fields = queue.delete(identifier).fields
        except ApiError:
            unprocessed.append({"uniqueKey": "", "url": "", **each})
        else:
            processed.append({"id": identifier, "uniqueKey": fields["uniqueKey"]})
    return data({"processedRequests": processed, "unprocessedRequests": unprocessed})


def _named(body: JsonObject) -> str:
    """Return the ID of a request that is named by it or by its unique key."""
    identifier, unique_key = body.get("id", str), body.get("uniqueKey", str)
    if not identifier and not unique_key:
        raise ApiError(400, "invalid-input", "A request to be deleted needs an id or a uniqueKey.")
    return identifier or request_id(unique_key or "")


async def _batch(call: Call) -> list[dict[str, Any]]:
    batch = await call.body.json()
    if not isinstance(batch, list) or not all(isinstance(each, dict) for each in batch):
        raise ApiError(400, "invalid-input", "Expected a JSON array of objects.")
    if not 1 <= len(batch) <= MAX_BATCH:
        raise ApiError(400, "invalid-input", f"A batch has 1 to {MAX_BATCH} requests.")
    return batch


async def list_requests(call: Call) -> Response:
    """List requests in the order of their IDs."""
    queue = _find(call)
    limit = call.query.integer("limit", minimum=1, maximum=10 * MAX_LIST) or MAX_LIST
    states = _states(call)
    left = [each for each in queue.all_after(_start(call)) if _is_wanted(each, states)]
    shown = [each.fields for each in left[:limit]]
    following = {"nextCursor": _cursor(shown[-1]["id"])} if len(left) > limit else {}
    cursor = {"cursor": call.query.text("cursor")} if call.query.text("cursor") else {}
    return data({"items": shown, "limit": limit, **cursor, **following})


def _start(call: Call) -> str | None:
    cursor = call.query.text("cursor")
    if cursor is None:
        return call.query.text("exclusiveStartId")
    try:
        return base64.urlsafe_b64decode(cursor).decode()
    except (binascii.Error, ValueError):
        raise invalid('Parameter "cursor" is not one that was answered before') from None


def _cursor(identifier: str) -> str:
    return base64.urlsafe_b64encode(identifier.encode()).decode()


def _states(call: Call) -> tuple[str, ...]:
    states = call.query.words("filter")
    if not _STATES.issuperset(states):
        raise invalid(f'Parameter "filter" may have {" and ".join(sorted(_STATES))}')
    return states


def _is_wanted(request: QueuedRequest, states: tuple[str, ...]) -> bool:
    is_pending = not request.is_handled and not request.is_locked
    return not states or ("locked" in states and request.is_locked) or ("pending" in states and is_pending)


async def get(call: Call) -> Response:
    """Get a request."""
    return data(_find(call).find(call.path["requestId"]).fields)


async def update(call: Call) -> Response:
    """Change a request."""
    body = await call.body.json_object()
    forefront = call.query.flag("forefront")
    return data(_find(call).update(call.path["requestId"], body.values, forefront=forefront))


async def delete(call: Call) -> Response:
    """Delete a request."""
    _find(call).delete(call.path["requestId"])
    return Response(status_code=204)


async def head(call: Call) -> Response:
    """Get what is to be worked on next."""
    queue = _find(call)
    limit = _limit(call)
    return data(_head(queue, limit) | {"items": [_short(each) for each in queue.head(limit)]})


async def lock_head(call: Call) -> Response:
    """Get what is to be worked on next, and keep it from others for some time."""
    queue, seconds, client = _find(call), _lock_seconds(call), _client(call)
    limit = _limit(call)
    items = []
    for request in queue.head(limit):
        queue.lock(request, seconds, client)
        items.append(_short(request) | _lock(request))
    named = {"clientKey": client.key} if client.key else {}
    more = {"lockSecs": int(seconds), "queueHasLockedRequests": bool(queue.locked()), **named}
    return data(_head(queue, limit) | more | {"items": items}, 201)


async def prolong_lock(call: Call) -> Response:
    """Keep a request from others for longer."""
    queue = _find(call)
    request = queue.find(call.path["requestId"])
    seconds, forefront = _lock_seconds(call), call.query.flag("forefront")
    queue.prolong(request, seconds, _client(call), forefront=forefront)
    return data(_lock(request))


async def delete_lock(call: Call) -> Response:
    """Let others work on a request."""
    queue = _find(call)
    request = queue.find(call.path["requestId"])
    queue.unlock(request, _client(call), forefront=call.query.flag("forefront"))
    return Response(status_code=204)


async def unlock(call: Call) -> Response:
    """Let others work on all requests of a client."""
    client = _client(call)
    mine = [request for request in _find(call).locked() if request.is_locked_by(client)]
    for request in mine:
        request.unlock()
    return data({"unlockedCount": len(mine)})


def _limit(call: Call) -> int:
    return call.query.integer("limit", minimum=1, maximum=MAX_LIST) or 100


def _lock_seconds(call: Call) -> float:
    seconds = call.query.number("lockSecs")
    if seconds is None or not 0 < seconds <= MAX_LOCK_SECONDS:
        raise invalid(f'Parameter "lockSecs" must be a number above 0, and {MAX_LOCK_SECONDS} at most')
    return seconds


def _head(queue: RequestQueue, limit: int) -> dict[str, Any]:
    return {
        "limit": limit,
        "queueModifiedAt": iso(queue.modified_at),
        "hadMultipleClients": queue.had_multiple_clients,
    }


def _short(request: QueuedRequest) -> dict[str, Any]:
    return {name: request.fields[name] for name in _HEAD_FIELDS}


def _lock(request: QueuedRequest) -> dict[str, Any]:
    return {"lockExpiresAt": iso(request.locked_until) if request.locked_until else None}


_HANDLERS: dict[tuple[str, str], Handler] = {
    ("POST", "requests"): add,
    ("GET", "requests"): list_requests,
    ("POST", "requests/batch"): add_batch,
    ("DELETE", "requests/batch"): delete_batch,
    ("POST", "requests/unlock"): unlock,
    ("GET", "requests/{requestId}"): get,
    ("PUT", "requests/{requestId}"): update,
    ("DELETE", "requests/{requestId}"): delete,
    ("PUT", "requests/{requestId}/lock"): prolong_lock,
    ("DELETE", "requests/{requestId}/lock"): delete_lock,
    ("GET", "head"): head,
    ("POST", "head/lock"): lock_head,
}


def endpoints_below(path: str) -> list[Endpoint]:
    """Return what a queue at this path answers to, beside the operations that all storages have."""
    return [Endpoint(method, f"{path}/{ending}", handler) for (method, ending), handler in _HANDLERS.items()]
