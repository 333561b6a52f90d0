"""Pages of dataset items: which ones, in which order and shape."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING

from local_apify.world.datasets import encode, flat

if TYPE_CHECKING:
    from local_apify.items.shaping import Shape
    from local_apify.world.datasets import Dataset, Item

NO_LIMIT = 999_999_999_999
"""What stands in ``X-Apify-Pagination-Limit`` where no limit was asked for."""

_BATCH_BYTES = 256 * 1024
_BATCH_ITEMS = 1000


class Page:
    """Some items of a dataset, in one order and shape, as many as there are now.

    All of them come in batches of about 256 KiB, 1,000 items at most, so that the server can do other things between.

    :param size: how many items the dataset has, as far as this answer knows.
    :param offset: how many items come before it.
    :param limit: how many items it holds at most, before they are shaped.
    :ivar columns: of a table of them, once these have been found.
    """

    def __init__(
        self, dataset: Dataset, *, size: int, offset: int, limit: int, newest_first: bool, shape: Shape
    ) -> None:
        self.dataset = dataset
        self.offset = offset
        self.limit = limit
        self.newest_first = newest_first
        self.shape = shape
        self.columns: list[str] | None = None
        window = range(min(offset, size), min(offset + limit, size))
        self._window = range(size - window.stop, size - window.start) if newest_first else window
        self._is_plain = shape.keeps(clean=dataset.is_clean)

    def __len__(self) -> int:
        return len(self._window)

    def items(self) -> Iterator[list[Item]]:
        """Return the items; decoding a batch at once takes a quarter of the time."""
        for lines in self._stored_lines():
            items = json.loads(b"[" + b",".join(lines) + b"]")
            yield items if self._is_plain else list(self.shape.apply(items))

    def lines(self) -> Iterator[list[bytes]]:
        """Return the items as lines of JSON, as they are stored if that is the same."""
        if self._is_plain:
            yield from self._stored_lines()
            return
        for items in self.items():
            if items:
                yield [encode(item) for item in items]

    def fields(self) -> Iterator[Iterable[tuple[str, ...]]]:
        """Return the names of each item's fields, nested ones as ``parent/child``."""
        if self._is_plain:
            names = self.dataset.fields(self._window, newest_first=self.newest_first)
            while batch := tuple(islice(names, _BATCH_ITEMS)):
                yield batch
            return
        for items in self.items():
            yield [tuple(flat(item)) for item in items]

    def _stored_lines(self) -> Iterator[list[bytes]]:
        batch: list[bytes] = []
        size = 0
        for line in self.dataset.lines(self._window, newest_first=self.newest_first):
            batch.append(line)
            size += len(line)
            if size >= _BATCH_BYTES or len(batch) >= _BATCH_ITEMS:
                yield batch
                batch, size = [], 0
        if batch:
            yield batch
