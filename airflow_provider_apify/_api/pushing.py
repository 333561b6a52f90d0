"""Appending items to a dataset, each piece once as far as the dataset tells. No I/O.

Apify appends a piece as often as it is sent, and has no key that would tell two sendings apart. What it has is a count
of the dataset's items, which lags some seconds. So, where an answer is lost, the count is watched; this presumes that
nobody else writes to the dataset meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from airflow_provider_apify._api.changing import LOOKS
from airflow_provider_apify._api.endpoints import get_dataset
from airflow_provider_apify._api.filling import Piece
from airflow_provider_apify._api.flows import Flow, RetryPolicy, call, call_data
from airflow_provider_apify._api.storage_endpoints import push_items
from airflow_provider_apify.exceptions import ApifyConnectionError, ApifyDataError, ApifyError, ApifyServerError

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
                yield from call(push_items(self._dataset_id, piece.body), self._retry)
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


def counted_until(wanted: int, dataset_id: str, retry: RetryPolicy, delays: Iterable[float]) -> Flow[int]:
    """Watch a dataset's count until it shows so many items, and return it; the last one, where it never does.

    :param delays: seconds before each look.
    """
    counted = 0
    for delay in delays:
        counted = yield from count_items(dataset_id, retry, delay=delay)
        if counted >= wanted:
            break
    return counted


def count_pushed(wanted: int, dataset_id: str, retry: RetryPolicy, *, settle: float) -> Flow[int]:
    """Return how many items a dataset counts once all of them are pushed.

    :param wanted: how many there must be.
    :param settle: seconds in which the count must show them.
    :raises ApifyDataError: it does not.
    """
    delays = (0.0, *(share * settle for share in LOOKS))
    counted = yield from counted_until(wanted, dataset_id, retry, delays)
    if counted < wanted:
        raise ApifyDataError(
            f"Dataset {dataset_id} counts {counted} items, but {wanted} are pushed: some are lost, or were taken away "
            "meanwhile. Compare it with the file before you push again.",
        )
    return counted


def count_items(dataset_id: str, retry: RetryPolicy, *, delay: float = 0.0) -> Flow[int]:
    """Return how many items Apify counts now, after ``delay`` seconds."""
    data = yield from call_data(replace(get_dataset(dataset_id), delay=delay), retry.patient())
    return int(data["itemCount"])
