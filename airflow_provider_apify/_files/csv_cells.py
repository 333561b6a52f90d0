"""Cells of CSV that are longer than Python reads by itself. No I/O."""

from __future__ import annotations

import csv
import threading
from collections.abc import Iterator
from contextlib import contextmanager

# Longer than any item that Apify takes; but a quote that is never closed does not fill the memory.
_MOST_CHARACTERS = 2**24
_limits_before: list[int] = []
# A generator that reads may be closed by the garbage collector while this very thread holds the lock.
_lock = threading.RLock()


@contextmanager
def long_cells() -> Iterator[None]:
    """Have ``csv.reader`` take cells of any length that an item can have, within the block.

    The limit is one for the whole process: it is as before when the last of all who read at the same time has ended.
    """
    with _lock:
        limit = csv.field_size_limit()
        _limits_before.append(limit)
        csv.field_size_limit(max(limit, _MOST_CHARACTERS))
    try:
        yield
    finally:
        with _lock:
            csv.field_size_limit(_limits_before.pop())
