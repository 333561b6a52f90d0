"""How many requests a second one resource takes: a run, a dataset, a store."""

from __future__ import annotations

import time
from collections.abc import Callable

USUAL_RATE = 60
_RECORD_RATE = 200
_WRITE_RATE = 400
_MANY_WRITES = ("/runs", "/items", "/requests", "/requests/batch")
_RESOURCE_PARTS = 4


def rate_of(method: str, template: str) -> int:
    """Return how many requests a second Apify takes for one resource of an operation.

    See https://docs.apify.com/api/v2#rate-limiting.
    """
    if method == "POST" and template.endswith(_MANY_WRITES):
        return _WRITE_RATE
    return _RECORD_RATE if "/records/{recordKey}" in template else USUAL_RATE


class Rates:
    """The requests that each resource has still room for.

    Room comes back with time, up to what fits into a second.

    :param clock: seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._room: dict[tuple[str, int], tuple[float, float]] = {}

    def take(self, path: str, rate: int, *, share: float) -> bool:
        """Take room for a request, if there is some.

        :param rate: how many requests a second Apify takes.
        :param share: how much of that is taken here; 1 is as at Apify.
        """
        key, size = ("/".join(path.split("/")[:_RESOURCE_PARTS]), rate), max(rate * share, 1.0)
        moment = self._clock()
        room, since = self._room.get(key, (size, moment))
        room = min(size, room + (moment - since) * rate * share)
        self._room[key] = (room - 1 if room >= 1 else room, moment)
        return room >= 1
