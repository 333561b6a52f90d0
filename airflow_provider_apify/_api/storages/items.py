"""Appending items to a dataset, each piece once as far as the dataset tells. No I/O.

Apify appends a piece as often as it is sent, and has no key that would tell two sendings apart. What it has is a count
of the dataset's items, which lags some seconds. So, where an answer is lost, the count is watched; this presumes that
nobody else writes to the dataset meanwhile.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from airflow_provider_apify._api.facts import MAX_ITEMS_BYTES
from airflow_provider_apify._api.flows import LOOKS, Flow, call
from airflow_provider_apify._api.storages import endpoints
from airflow_provider_apify._api.storages.counts import counted_until
from airflow_provider_apify.exceptions import ApifyConnectionError, ApifyDataError, ApifyError, ApifyServerError
from airflow_provider_apify.options import RetryPolicy

_SENDS = 4


class Pusher:
    """Appends pieces to a dataset.

    :param report: takes a sentence about anything but the plain way.
    :param settle: seconds after which a piece whose answer was lost, and that the count does not show, is not there.
    """

    def __init__(self, dataset_id: str, retry: RetryPolicy, report: Callable[[str], None], *, settle: float) -> None:
        self._dataset_id, self._retry = dataset_id, retry
        self._report, self._settle = report, settle

    def push(self, piece: Piece, before: int, *, look_first: bool = False) -> Flow[None]:
        """Append a piece.

        :param before: how many items the dataset had before this piece was first sent.
        :param look_first: whether it may have been sent already, by an attempt that did not live to see the answer.
        :raises ApifyDataError: the count is none that this piece explains: somebody else writes, too.
        """
        if look_first and (yield from self._has_arrived(piece, before)):
            self._report(
                f"The {piece.items} items behind the first {before} are there: an earlier attempt pushed them."
            )
            return
        for _ in range(_SENDS):
            try:
                yield from call(endpoints.push_items(self._dataset_id, piece.body), self._retry)
            except ApifyError as error:
                trouble = error
            else:
                return
            if not isinstance(trouble, ApifyConnectionError | ApifyServerError):
                break
            if (yield from self._has_arrived(piece, before)):
                self._report(f"{trouble} The dataset's count shows that it was done.")
                return
            self._report(f"{trouble} The dataset's count shows that it was not done, so it is sent once more.")
        raise trouble

    def _has_arrived(self, piece: Piece, before: int) -> Flow[bool]:
        """Watch the count until it shows the piece; ``False`` where it never does."""
        after = before + piece.items
        delays = [share * self._settle for share in LOOKS]
        counted = yield from counted_until(after, self._dataset_id, self._retry, delays)
        if counted not in {before, after}:
            raise ApifyDataError(
                f"Dataset {self._dataset_id} counts {counted} items. With only this task writing to it, it would be "
                f"{before}, or {after} if the last {piece.items} have arrived: so it cannot be told whether they have.",
            )
        return counted == after


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
    return cut(encoded("Item", number, item, MAX_ITEMS_BYTES) for number, item in enumerate(items))


def cut(items: Iterable[bytes], limit: int = MAX_ITEMS_BYTES) -> Iterator[Piece]:
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


def encoded(what: str, number: int, item: Mapping[str, Any], limit: int) -> bytes:
    if not isinstance(item, Mapping):
        raise ValueError(f"{what} {number} must be a JSON object, not {type(item).__name__}.")  # noqa: TRY004 - wrong arguments are ValueError
    try:
        encoded = json.dumps(item, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"{what} {number} cannot be written as JSON: {error}.") from None
    if len(encoded) + 2 > limit:
        raise ValueError(f"{what} {number} is {len(encoded):,} bytes of JSON; Apify takes {limit - 2:,} at most.")
    return encoded
