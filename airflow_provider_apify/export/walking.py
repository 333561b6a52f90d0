"""The way through a dataset: in one stream, or in pages over several connections, whichever the link rewards."""

from __future__ import annotations

import math
import tempfile
import threading
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import IO

from airflow_provider_apify.exceptions import ApifyDataError
from airflow_provider_apify.export.reading import Reader, Speed, Take
from airflow_provider_apify.export.source import LAG_PAUSE_SECONDS, End, Source

# The first pages are small and show how fast the way is, with and without compression.
_SAMPLE_ITEMS = 1_000
# Above this, one plain stream is fastest: what threads and decompression cost is more than they bring.
_FAST_BYTES_PER_SECOND = 40e6
# Below it, so many connections are used that they bring about this much together, if the server lets them.
_WANTED_BYTES_PER_SECOND = 160e6
_MOST_CONNECTIONS = 8
# Pages on their way, and those that wait for one before them, together.
_MEMORY_BYTES = 40 * 2**20
_LARGEST_PAGE_BYTES = 8 * 2**20
_LARGEST_PAGE_ITEMS = 100_000
# A page of larger items than those before it waits in a temporary file.
_LARGEST_PAGE_IN_MEMORY = 2 * _LARGEST_PAGE_BYTES
_PIECE_BYTES = 2**20


@dataclass(frozen=True)
class Plan:
    """How to go on after the first pages.

    :param connections: how many pages are on their way at once; 1 is one stream of everything.
    :param compressed: whether answers are compressed.
    """

    connections: int
    compressed: bool

    @property
    def pages_at_once(self) -> int:
        """How many pages may be in memory: some arrive before those in front of them."""
        return self.connections + 2

    def page_items(self, item_bytes: float) -> int:
        """Return how many items make a page."""
        size = min(_LARGEST_PAGE_BYTES, _MEMORY_BYTES / self.pages_at_once)
        return max(1, min(_LARGEST_PAGE_ITEMS, int(size / max(1.0, item_bytes))))


def is_fast(speed: Speed) -> bool:
    """Tell whether nothing is gained over one plain stream."""
    return speed.bytes_per_second >= _FAST_BYTES_PER_SECOND


def choose(plain: Speed, compressed: Speed | None) -> Plan:
    """Choose a plan by what two pages have shown.

    :param compressed: of a page with compression; ``None`` where that is not allowed.
    """
    if is_fast(plain):
        return Plan(1, compressed=False)
    wins = compressed is not None and compressed.bytes_per_second > plain.bytes_per_second
    best = compressed if compressed is not None and wins else plain
    connections = math.ceil(_WANTED_BYTES_PER_SECOND / max(1.0, best.bytes_per_second))
    return Plan(max(2, min(_MOST_CONNECTIONS, connections)), compressed=wins)


class Walk:
    """Hands the lines of a dataset on, in order, until there are no more.

    :param take: takes the lines.
    :param start: index of the first item.
    :ivar plan: how it goes on; one stream, until more is known.
    """

    def __init__(self, source: Source, take: Take, start: int = 0) -> None:
        self._source = source
        self._take = self._told(take)
        self.plan = Plan(1, compressed=False)
        self._reader = source.reader(start, start, self._take)
        self._records = 0
        # Until items have been seen, a page that is kept back is as small as a sample.
        self._item_bytes = _LARGEST_PAGE_BYTES / _SAMPLE_ITEMS
        self._is_over = threading.Event()
        self._spools = ExitStack()

    @property
    def position(self) -> int:
        """Index of the next item; true at any moment."""
        return self._reader.position

    @property
    def records(self) -> int:
        """Lines handed on; fewer than items where these are filtered."""
        return self._records + (self._reader.records or 0)

    def go(self) -> None:
        """Walk to the end.

        :raises ApifyDataError: items that Apify counts did not come, or the dataset has grown in front of them.
        """
        if not self._source.steady:
            newest = self._source.item(0)
            self._stream()
            if self._source.item(0) != newest:
                raise ApifyDataError(f"Dataset {self._source.dataset_id} has grown while it was read newest first.")
            return
        self.plan = self._best_plan()
        if self.plan.connections > 1:
            self._side_by_side(self.plan)
        self._stream()

    def _best_plan(self) -> Plan:
        """Choose a plan after two small pages, which are part of the walk; one stream where they were everything."""
        plain = self._next(_SAMPLE_ITEMS)
        if self._is_at_end or is_fast(plain):
            return self.plan
        compressed = self._next(_SAMPLE_ITEMS, compressed=True) if self._source.exact else None
        return self.plan if self._is_at_end else choose(plain, compressed)

    @property
    def _is_at_end(self) -> bool:
        return self._reader.scanned == 0

    def _told(self, take: Take) -> Take:
        reached = self._source.reached
        if reached is None:
            return take

        def told(piece: bytes | memoryview) -> None:
            take(piece)
            reached(self.position)

        return told

    def _next(self, items: int | None, *, compressed: bool = False, delay: float = 0.0) -> Speed:
        end = None if items is None else self.position + items
        self._go_on_with(self._source.reader(self.position, end, self._take, compressed=compressed))
        self._source.read(self._reader, delay=delay)
        return self._learned()

    def _go_on_with(self, reader: Reader) -> None:
        self._records += self._reader.records or 0
        self._reader = reader

    def _learned(self) -> Speed:
        speed = self._reader.speed
        if speed.items:
            self._item_bytes = speed.size / speed.items
        return speed

    def _stream(self) -> None:
        """Take all that is left, in as few answers as Apify gives, or in pages where they are kept back until whole."""
        end = End(self._source)
        while True:
            while not self._is_at_end:
                self._next_answer()
            if end.is_at(self.position):
                return
            self._next_answer(delay=LAG_PAUSE_SECONDS)

    def _next_answer(self, *, delay: float = 0.0) -> None:
        self._next(None if self._source.exact else self.plan.page_items(self._item_bytes), delay=delay)

    def _side_by_side(self, plan: Plan) -> None:
        """Take what the dataset counts over several connections; what it lacks is left to the stream."""
        total = self._source.item_count
        asked, pages = self.position, deque[Future[tuple[Reader, IO[bytes]]]]()
        with self._spools, ThreadPoolExecutor(plan.connections, thread_name_prefix="apify-pages") as pool:
            try:
                while pages or asked < total:
                    while asked < total and len(pages) < plan.pages_at_once:
                        end = min(total, asked + plan.page_items(self._item_bytes))
                        pages.append(pool.submit(self._page, asked, end, plan))
                        asked = end
                    self._hand_on(*pages.popleft().result())
                    if self._is_at_end:
                        return
            finally:
                self._is_over.set()
                pool.shutdown(wait=False, cancel_futures=True)

    def _page(self, start: int, end: int, plan: Plan) -> tuple[Reader, IO[bytes]]:
        """Read a page, on a thread of its own; in the middle of it where it is not wanted any more."""
        lines = tempfile.SpooledTemporaryFile(_LARGEST_PAGE_IN_MEMORY)  # noqa: SIM115 - the next line has it closed
        self._spools.enter_context(lines)

        def keep(piece: bytes | memoryview) -> None:
            if self._is_over.is_set():
                raise _NotWanted
            lines.write(piece)

        return self._source.read(self._source.reader(start, end, keep, compressed=plan.compressed)), lines

    def _hand_on(self, reader: Reader, lines: IO[bytes]) -> None:
        with lines:
            lines.seek(0)
            while piece := lines.read(_PIECE_BYTES):
                self._take(piece)
        self._go_on_with(reader)
        self._learned()


class _NotWanted(Exception):
    """Another page has failed."""
