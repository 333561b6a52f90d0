"""How the items of a dataset are asked for, by what the way to Apify has shown of itself. No I/O."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from airflow_provider_apify._files.dataset.reader import Speed

SAMPLE_ITEMS = 1_000
"""The first page is small and shows how fast the way is."""
# Above this, one plain stream is fastest: what threads and decompression cost is more than they bring.
_FAST_BYTES_PER_SECOND = 40e6
# Below it, so many connections are used that they bring about this much together, if the server lets them.
_WANTED_BYTES_PER_SECOND = 160e6
_MOST_CONNECTIONS = 8
# Pages on their way, and those that wait for one before them, together.
MEMORY_BYTES = 40 * 2**20
LARGEST_PAGE_BYTES = 8 * 2**20
_LARGEST_PAGE_ITEMS = 100_000


@dataclass(frozen=True)
class Plan:
    """How to go on after the first page.

    :param connections: how many pages are on their way at once; 1 is one stream of everything.
    :param compressed: whether answers are compressed.
    """

    connections: int
    compressed: bool

    @property
    def pages_at_once(self) -> int:
        """How many pages may be in memory: some arrive before those in front of them."""
        return self.connections + 2

    @property
    def page_bytes(self) -> int:
        """How much of a page may be in memory."""
        return min(LARGEST_PAGE_BYTES, MEMORY_BYTES // self.pages_at_once)

    def page_items(self, item_bytes: float) -> int:
        """Return how many items may make a page."""
        return max(1, min(_LARGEST_PAGE_ITEMS, int(self.page_bytes / max(1.0, item_bytes))))

    def even_page_items(self, items: int, item_bytes: float) -> int:
        """Return how many items make a page where all connections are to end together."""
        rounds = math.ceil(items / (self.page_items(item_bytes) * self.connections))
        return max(SAMPLE_ITEMS, math.ceil(items / max(1, rounds * self.connections)))


def choose(plain: Speed, *, may_compress: bool) -> Plan:
    """Choose a plan by what a plain page has shown: what is slow is the way, not the server or this machine."""
    if plain.bytes_per_second >= _FAST_BYTES_PER_SECOND:
        return Plan(1, compressed=False)
    connections = math.ceil(_WANTED_BYTES_PER_SECOND / max(1.0, plain.bytes_per_second))
    return Plan(max(2, min(_MOST_CONNECTIONS, connections)), compressed=may_compress)


class Pace:
    """Whether several connections bring more than one plain stream would: not where the server or the storage is slow.

    :param plan: what is tried; it is judged by the first pages of all its connections.
    :param plain: what a plain page has shown.
    :param clock: seconds, for tests.
    """

    def __init__(self, plan: Plan, plain: Speed, clock: Callable[[], float] = time.perf_counter) -> None:
        self._trial, self._least, self._clock = plan.connections, plain.bytes_per_second, clock
        self._began, self._pages, self._size = clock(), 0, 0

    def add(self, size: int) -> None:
        """Take note of a page of so many bytes."""
        self._pages += 1
        self._size += size

    @property
    def pays(self) -> bool:
        """Whether to go on so."""
        return self._pages < self._trial or self._size >= self._least * (self._clock() - self._began)
