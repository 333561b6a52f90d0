"""Filling request queues and datasets, in batches of the size that Apify takes. No I/O."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from airflow_provider_apify._api import storage_endpoints as endpoints
from airflow_provider_apify._api.answers import Response, data_of
from airflow_provider_apify._api.flows import Flow, RetryPolicy, call, call_reading
from airflow_provider_apify.exceptions import ApifyConnectionError, ApifyError

MAX_BATCH_REQUESTS = 25
MAX_BATCH_BYTES = 5_000_000
MAX_REQUESTS_BYTES = 9 * 2**20
_NOT_TAKEN = Response(503, {}, b"")


_IN_DOUBT = (
    "The {:,} items in this request may be stored or not. Not repeated: it would store them twice, and so would a "
    "retry of the task; FileToDatasetOperator looks first."
)


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

    :raises ValueError: one of them is none that Apify takes, or too large; none is added.
    :raises ApifyConnectionError: Apify kept giving some back.
    """
    results: list[Mapping[str, Any]] = []
    for batch in list(_batches(map(with_unique_key, requests))):
        results += yield from _add_batch(queue_id, batch, retry, forefront=forefront)
    return results


def _batches(requests: Iterable[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    """Yield requests in batches of as many, and as many bytes, as Apify takes at once."""
    batch: list[Mapping[str, Any]] = []
    size = 0
    for number, request in enumerate(requests):
        added = len(_encoded("Request", number, request, MAX_REQUESTS_BYTES)) + len(", ")
        if batch and (len(batch) == MAX_BATCH_REQUESTS or size + added > MAX_REQUESTS_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(request)
        size += added
    if batch:
        yield batch


def _add_batch(
    queue_id: str, batch: Sequence[Mapping[str, Any]], retry: RetryPolicy, *, forefront: bool
) -> Flow[list[Mapping[str, Any]]]:
    results: dict[str, Mapping[str, Any]] = {}
    wait: float | None = 0.0
    attempt = 0
    while wait is not None:
        left = [request for request in batch if request["uniqueKey"] not in results]
        request = endpoints.add_requests(queue_id, left, forefront=forefront)
        data = yield from call_reading(replace(request, delay=wait), retry, partial(_fate, left))
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


def _fate(sent: Sequence[Mapping[str, Any]], answer: Response) -> dict[str, Any] | None:
    """Return what became of requests; ``None`` where the answer does not tell it of all that were sent."""
    data = data_of(answer) or {}
    lists = data.get("processedRequests"), data.get("unprocessedRequests")
    told = [len(each) for each in lists if isinstance(each, list)]
    is_told_of_all = sum(told) >= len({each["uniqueKey"] for each in sent})
    return data if len(told) == len(lists) and is_told_of_all else None


def with_unique_key(request: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a request as Apify takes it, with the key that tells it from others, if it has none.

    That is its URL, and what it sends there. The method is in capitals, and a payload that is JSON is text.

    :raises ValueError: it has no URL, or a payload that is neither.
    """
    if "url" not in request:
        raise ValueError(f"A request needs a 'url', and has only {', '.join(request) or 'nothing'}.")
    url, method, payload = request["url"], str(request.get("method") or "GET").upper(), _text(request.get("payload"))
    plain = dict(request)
    if request.get("method"):
        plain["method"] = method
    if payload:
        plain["payload"] = payload
    if not plain.get("uniqueKey"):
        told_apart = f"{method}({hashlib.sha256(payload.encode()).hexdigest()[:8]}):{url}"
        plain["uniqueKey"] = url if method == "GET" and not payload else told_apart
    return plain


def _text(payload: Any) -> str:
    """Return what a request sends, as text: Actors send it as it stands."""
    if isinstance(payload, dict | list):
        return json.dumps(payload, sort_keys=True)
    if payload is None or isinstance(payload, str):
        return payload or ""
    raise ValueError(f"The payload of a request is text, or a JSON object, not {type(payload).__name__}.")


def push_items(dataset_id: str, items: Iterable[Mapping[str, Any]], retry: RetryPolicy) -> Flow[int]:
    """Store items at the end of a dataset, and return how many.

    :raises ApifyError: not all of them were stored; the message says how many certainly were.
    """
    stored = 0
    for count, body in bodies_of(items):
        try:
            yield from call(replace(endpoints.push_items(dataset_id, body), if_lost=_IN_DOUBT.format(count)), retry)
        except ApifyError as error:
            error.args = (f"{error} Of the items, {stored:,} were stored before.",)
            raise
        stored += count
    return stored


def bodies_of(items: Iterable[Mapping[str, Any]]) -> Iterator[Piece]:
    """Yield the items in pieces of 5 MB at most.

    :raises ValueError: an item is no JSON object, or too large.
    """
    return cut(_encoded("Item", number, item, MAX_BATCH_BYTES) for number, item in enumerate(items))


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


def _encoded(what: str, number: int, item: Mapping[str, Any], limit: int) -> bytes:
    if not isinstance(item, Mapping):
        raise ValueError(f"{what} {number} must be a JSON object, not {type(item).__name__}.")  # noqa: TRY004 - wrong arguments are ValueError
    try:
        encoded = json.dumps(item, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"{what} {number} cannot be written as JSON: {error}.") from None
    if len(encoded) + 2 > limit:
        raise ValueError(f"{what} {number} is {len(encoded):,} bytes of JSON; Apify takes {limit - 2:,} at most.")
    return encoded
