"""Filling request queues and datasets, in batches of the size that Apify takes. No I/O."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any, NamedTuple

from airflow_provider_apify._api import storage_endpoints as endpoints
from airflow_provider_apify._api.answers import Response
from airflow_provider_apify._api.flows import Flow, RetryPolicy, call, call_data
from airflow_provider_apify.exceptions import ApifyConnectionError, ApifyError

MAX_BATCH_REQUESTS = 25
MAX_BATCH_BYTES = 5_000_000
_NOT_TAKEN = Response(503, {}, b"")


class Piece(NamedTuple):
    """Items that are pushed together.

    :param items: how many.
    :param body: the JSON array of them.
    """

    items: int
    body: bytes


def add_requests(
    queue_id: str, requests: Iterable[Mapping[str, Any]], retry: RetryPolicy, *, forefront: bool = False
) -> Flow[list[Mapping[str, Any]]]:
    """Add requests, and send those again that Apify gives back; return what it says of each, in their order.

    :raises ApifyConnectionError: Apify kept giving some back.
    """
    source = iter([with_unique_key(request) for request in requests])
    results: list[Mapping[str, Any]] = []
    while batch := list(islice(source, MAX_BATCH_REQUESTS)):
        results += yield from _add_batch(queue_id, batch, retry, forefront=forefront)
    return results


def _add_batch(
    queue_id: str, batch: Sequence[Mapping[str, Any]], retry: RetryPolicy, *, forefront: bool
) -> Flow[list[Mapping[str, Any]]]:
    results: dict[str, Mapping[str, Any]] = {}
    wait: float | None = 0.0
    attempt = 0
    while wait is not None:
        left = [request for request in batch if request["uniqueKey"] not in results]
        request = endpoints.add_requests(queue_id, left, forefront=forefront)
        data = yield from call_data(replace(request, delay=wait), retry)
        known = len(results)
        results |= {each["uniqueKey"]: each for each in data["processedRequests"]}
        if not data["unprocessedRequests"]:
            return [results[each["uniqueKey"]] for each in batch if each["uniqueKey"] in results]
        # As patient as with a server that fails; where it took some, the counting starts anew.
        attempt = 1 if len(results) > known else attempt + 1
        wait = retry.delay(request, _NOT_TAKEN, attempt)
    raise ApifyConnectionError(
        f"Request queue {queue_id} keeps giving back {len(data['unprocessedRequests'])} of the requests added to it.",
    )


def with_unique_key(request: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a request with the key that tells it from others: its URL, and what it sends there, if it has none."""
    if "url" not in request:
        raise ValueError(f"A request needs a 'url', and has only {', '.join(request) or 'nothing'}.")
    if request.get("uniqueKey"):
        return request
    url, method, payload = request["url"], request.get("method") or "GET", request.get("payload") or ""
    if method == "GET" and not payload:
        return {**request, "uniqueKey": url}
    text = payload if isinstance(payload, str) else json.dumps(payload, sort_keys=True)
    return {**request, "uniqueKey": f"{method}({hashlib.sha256(text.encode()).hexdigest()[:8]}):{url}"}


def push_items(dataset_id: str, items: Iterable[Mapping[str, Any]], retry: RetryPolicy) -> Flow[int]:
    """Store items at the end of a dataset, and return how many.

    :raises ApifyError: not all of them were stored; the message says how many certainly were.
    """
    stored = 0
    for count, body in bodies_of(items):
        try:
            yield from call(endpoints.push_items(dataset_id, body), retry)
        except ApifyError as error:
            error.args = (f"{error} Of the items, {stored:,} were stored before.",)
            raise
        stored += count
    return stored


def bodies_of(items: Iterable[Mapping[str, Any]]) -> Iterator[Piece]:
    """Yield the items in pieces of 5 MB at most.

    :raises ValueError: an item is no JSON object, or too large.
    """
    return cut(_encoded(number, item) for number, item in enumerate(items))


def cut(items: Iterable[bytes], limit: int = MAX_BATCH_BYTES) -> Iterator[Piece]:
    """Yield JSON texts in pieces as large as may be. The same items are always cut alike.

    :param limit: bytes of a piece; none of the items may be too large to be one alone.
    """
    batch: list[bytes] = []
    size = len(b"[]")
    for item in items:
        if batch and size + len(item) > limit:
            yield Piece(len(batch), b"[" + b",".join(batch) + b"]")
            batch, size = [], len(b"[]")
        batch.append(item)
        size += len(item) + len(b",")
    if batch:
        yield Piece(len(batch), b"[" + b",".join(batch) + b"]")


def _encoded(number: int, item: Mapping[str, Any]) -> bytes:
    if not isinstance(item, Mapping):
        raise ValueError(f"Item {number} must be a JSON object, not {type(item).__name__}.")  # noqa: TRY004 - wrong arguments are ValueError
    try:
        encoded = json.dumps(item, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"Item {number} cannot be written as JSON: {error}.") from None
    if len(encoded) + 2 > MAX_BATCH_BYTES:
        raise ValueError(f"Item {number} is {len(encoded):,} bytes of JSON; Apify takes less than 5 MB at once.")
    return encoded
