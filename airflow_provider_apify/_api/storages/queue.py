"""Filling request queues and datasets, in batches of the size that Apify takes. No I/O."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from airflow_provider_apify._api.answers import Response, data_of
from airflow_provider_apify._api.facts import MAX_REQUESTS, MAX_REQUESTS_BYTES
from airflow_provider_apify._api.flows import Flow, call_reading, pause_before_retry
from airflow_provider_apify._api.storages import endpoints
from airflow_provider_apify._api.storages.items import encoded
from airflow_provider_apify.exceptions import ApifyConnectionError
from airflow_provider_apify.options import RetryPolicy

_NOT_TAKEN = Response(503, {}, b"")


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
        added = len(encoded("Request", number, request, MAX_REQUESTS_BYTES)) + len(", ")
        if batch and (len(batch) == MAX_REQUESTS or size + added > MAX_REQUESTS_BYTES):
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
        wait = pause_before_retry(retry, request, _NOT_TAKEN, attempt)
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
