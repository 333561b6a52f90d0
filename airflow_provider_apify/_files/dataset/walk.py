"""The way through a dataset: in one stream, or in pages over several connections, whichever the link rewards."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import replace
from itertools import islice
from typing import IO, Any

from airflow_provider_apify._files.dataset.end import End
from airflow_provider_apify._files.dataset.plan import LARGEST_PAGE_BYTES, SAMPLE_ITEMS, Pace, Plan, choose
from airflow_provider_apify._files.dataset.reader import Reader, Take
from airflow_provider_apify._files.dataset.source import Source
from airflow_provider_apify._files.temporary import temporary_file
from airflow_provider_apify.models.storages import Dataset

# A page that trickles in must not hold up an error for longer.
_LAST_SECONDS = 5.0
_PIECE_BYTES = 2**20


class Walk:
    """Hands the lines of a dataset on, in order, until there are no more.

    :param take: takes the lines.
    :param start: index of the first item.
    :param before: items of other datasets that were handed on, for who is told how far it is.
    :ivar plan: how it goes on; one stream, until more is known.
    """

    def __init__(self, source: Source, take: Take, start: int = 0, *, before: int = 0) -> None:
        self._source, self._before = source, before
        self._take = self._told(take)
        self.plan = Plan(1, compressed=False)
        self._reader = source.reader(start, start, self._take)
        self._end = End(source)
        # Until items have been seen, a page that is kept back is as small as a sample.
        self._item_bytes = LARGEST_PAGE_BYTES / SAMPLE_ITEMS
        self._is_over = threading.Event()
        self._beside = replace(source, pause=self._pause)
        self._spools = ExitStack()

    @property
    def position(self) -> int:
        """Index of the next item; true at any moment."""
        return self._reader.position

    @property
    def records(self) -> int:
        """Lines handed on when all are; fewer than items where these are filtered."""
        return self._end.records or 0

    def go(self) -> None:
        """Walk to the end.

        :raises ApifyDataError: items that Apify counts did not come, or the dataset has grown in front of them.
        """
        counted = None
        if self._source.query.keeps_order_when_growing:
            plain = self._next_answer(SAMPLE_ITEMS).speed  # a part of the walk like all others
            self._end.learn(self._reader)
            if plain.items:
                self.plan = choose(plain, may_compress=self._source.query.keeps_every_item)
            if self.plan.connections > 1:
                counted = self._side_by_side(self.plan, Pace(self.plan, plain))
        # All that is left, in as few answers as Apify gives, or in pages where they are kept back until whole.
        for _ in self._end.answers(self._next_of_all, self._reader, counted=counted):
            continue

    def _told(self, take: Take) -> Take:
        reached = self._source.reached
        if reached is None:
            return take

        def told(piece: bytes | memoryview) -> None:
            take(piece)
            reached(self._before + self.position)

        return told

    def _next_of_all(self, delay: float) -> Reader:
        return self._next_answer(
            None if self._source.query.keeps_every_item else self.plan.page_items(self._item_bytes), delay
        )

    def _next_answer(self, items: int | None, delay: float = 0.0) -> Reader:
        end = None if items is None else self.position + items
        self._reader = self._source.reader(self.position, end, self._take)
        self._source.read(self._reader, delay=delay)
        self._learn_size()
        return self._reader

    def _learn_size(self) -> None:
        speed = self._reader.speed
        if speed.items:
            self._item_bytes = speed.size / speed.items

    def _side_by_side(self, plan: Plan, pace: Pace) -> Dataset | None:
        """Take what the dataset counts over several connections, while these pay; what then is left is the stream's.

        The look for what comes behind all pages, and the count that must not exceed it, are on their way with them.

        :return: that count, where the look brought nothing.
        """
        total, pages = self._reader.total, deque[Future[tuple[Reader, IO[bytes]]]]()
        stretches, counted = self._stretches(total, plan, pace), None
        pool = ThreadPoolExecutor(plan.connections, thread_name_prefix="apify-pages")
        with self._spools:
            try:
                while not self._reader.is_last:
                    for start, end in islice(stretches, plan.pages_at_once - len(pages)):
                        pages.append(pool.submit(self._page, start, end, plan))
                        counted = pool.submit(lambda: self._beside.dataset) if start == total else None
                    if not pages:
                        break
                    pace.add(self._hand_on(*pages.popleft().result()))
                # Where the look behind all pages has brought items, the count may not know of them.
                return counted.result() if counted and self._reader.is_last else None
            finally:
                self._is_over.set()
                pool.shutdown(wait=False, cancel_futures=True)
                left: list[Future[Any]] = [*pages, *([counted] if counted else [])]
                wait(left, _LAST_SECONDS)

    def _stretches(self, total: int, plan: Plan, pace: Pace) -> Iterator[tuple[int, int]]:
        """Yield the beginnings and ends of pages up to a total, and of one behind it."""
        first = start = self.position
        even = plan.even_page_items(total - first, self._item_bytes)
        while start < total and pace.pays:
            end = min(total, start + even, start + plan.page_items(self._item_bytes))
            yield start, end
            start = end
        if start == total > first:
            yield total, total + SAMPLE_ITEMS

    def _page(self, start: int, end: int, plan: Plan) -> tuple[Reader, IO[bytes]]:
        """Read a page, on a thread of its own; in the middle of it where it is not wanted any more."""
        # A page of larger items than those before it waits in a temporary file.
        lines = temporary_file(plan.page_bytes)
        self._spools.enter_context(lines)

        def keep(piece: bytes | memoryview) -> None:
            self._pause(0)
            lines.write(piece)

        return self._beside.read(self._beside.reader(start, end, keep, compressed=plan.compressed)), lines

    def _pause(self, seconds: float) -> None:
        """Wait beside the walk, unless that is over."""
        if self._is_over.wait(seconds):
            raise _NotWanted

    def _hand_on(self, reader: Reader, lines: IO[bytes]) -> int:
        """Hand a page's lines on; return their size."""
        with lines:
            size = lines.tell()
            lines.seek(0)
            while piece := lines.read(_PIECE_BYTES):
                self._take(piece)
        self._reader = reader
        self._end.learn(reader)
        self._learn_size()
        return size


class _NotWanted(Exception):
    """Another page has failed."""


def walk_all(sources: Sequence[Source], take: Take, counts: list[int], start: int = 0) -> None:
    """Hand the lines of datasets on, one dataset after the other.

    :param counts: how many lines the first ones had, which are left out; those of the others are appended, each when it
        is over.
    :param start: index of the first item of the first that is not left out.
    :raises ApifyDataError: as :meth:`Walk.go` does.
    """
    for source in sources[len(counts) :]:
        walk = Walk(source, take, start, before=sum(counts))
        walk.go()
        counts.append(start + walk.records)
        start = 0
