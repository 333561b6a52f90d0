"""Datasets: items as encoded lines, stored or made on the fly."""

from __future__ import annotations

import json
import secrets
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol, Unpack

from local_apify.world.clock import now
from local_apify.world.storage import Origin, Storage

Item = dict[str, Any]
_SAMPLE_ITEMS = 100
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


class ItemSource(Protocol):
    """Items of a dataset, in order, each a line of compact JSON without a line break."""

    @property
    def clean_count(self) -> int:
        """How many items are not empty once hidden fields are gone."""
        ...

    @property
    def is_clean(self) -> bool:
        """Whether no item is empty and none has hidden fields, so that cleaning changes nothing."""
        ...

    def __len__(self) -> int:
        """Return the number of items."""
        ...

    def lines(self, indices: range) -> Iterator[bytes]:
        """Return the lines of some items, in the order of the indices."""
        ...

    def fields(self, indices: range) -> Iterator[tuple[str, ...]]:
        """Return the names of the fields of some items, nested ones as ``parent/child``."""
        ...


class StoredItems:
    """Items that were pushed, kept in memory."""

    def __init__(self, items: Iterable[Item] = ()) -> None:
        self._lines: list[bytes] = []
        self._fields: list[tuple[str, ...]] = []
        self._known_fields: dict[tuple[str, ...], tuple[str, ...]] = {}
        self.clean_count = 0
        self.is_clean = True
        self.extend(items)

    def __len__(self) -> int:
        return len(self._lines)

    def extend(self, items: Iterable[Item]) -> None:
        """Add items at the end."""
        for item in items:
            visible = [name for name in item if not name.startswith("#")]
            self._lines.append(encode(item))
            names = tuple(flat(item))
            self._fields.append(self._known_fields.setdefault(names, names))
            self.clean_count += bool(visible)
            self.is_clean = self.is_clean and len(visible) == len(item) > 0

    def lines(self, indices: range) -> Iterator[bytes]:
        """Return the lines of some items, in the order of the indices."""
        return map(self._lines.__getitem__, indices)

    def fields(self, indices: range) -> Iterator[tuple[str, ...]]:
        """Return the names of the fields of some items, nested ones as ``parent/child``."""
        return map(self._fields.__getitem__, indices)


def encode(item: Item) -> bytes:
    """Write an item as one line of compact JSON; half of a surrogate pair, which is no UTF-8, as its escape."""
    return _ENCODER.encode(item).encode(errors="backslashreplace")


def flat(item: Item) -> Item:
    """Return an item with the values inside its nested ones, by names like ``parent/child``; an empty one is null."""
    kinds = set(map(type, item.values()))
    if dict not in kinds and list not in kinds:
        return item
    return {path: value for name, value in item.items() for path, value in _leaves(name, value)}


def _leaves(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if not isinstance(value, (dict, list)):
        yield name, value
        return
    children = value.items() if isinstance(value, dict) else enumerate(value)
    for key, child in children:
        yield from _leaves(f"{name}/{key}", child)
    if not value:
        yield name, None


def _size(source: ItemSource) -> int:
    sample = range(min(len(source), _SAMPLE_ITEMS))
    return round(sum(map(len, source.lines(sample))) * len(source) / len(sample)) if sample else 0


def _top_names(source: ItemSource) -> Iterator[str]:
    sample = range(min(len(source), _SAMPLE_ITEMS))
    return (name.partition("/")[0] for names in source.fields(sample) for name in names)


def utf8(text: str) -> bytes:
    """Encode text as JavaScript does: half of a surrogate pair becomes the replacement character."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode()


class Dataset(Storage):
    """A dataset, named or not.

    :param schema: a dataset schema as its specification says; only its views have an effect.
    """

    kind = "Dataset"

    def __init__(self, schema: Mapping[str, Any] | None = None, **origin: Unpack[Origin]) -> None:
        super().__init__(**origin)
        self.schema = schema
        self.signing_key = secrets.token_hex(8)
        self._sources: list[ItemSource] = []
        self._growth: deque[tuple[datetime, int]] = deque(maxlen=1000)

    def __len__(self) -> int:
        return sum(len(source) for source in self._sources)

    @property
    def clean_count(self) -> int:
        """How many items are not empty once hidden fields are gone."""
        return sum(source.clean_count for source in self._sources)

    @property
    def size(self) -> int:
        """The bytes of its items as JSON, estimated: the first items of each source speak for the others."""
        return sum(map(_size, self._sources))

    @property
    def field_names(self) -> list[str]:
        """The names of its items' fields: the first items of each source speak for the others."""
        return list(dict.fromkeys(name for source in self._sources for name in _top_names(source)))

    @property
    def is_clean(self) -> bool:
        """Whether cleaning would change nothing."""
        return all(source.is_clean for source in self._sources)

    def push(self, items: Iterable[Item]) -> None:
        """Add items at the end."""
        last = self._sources[-1] if self._sources else None
        if not isinstance(last, StoredItems):
            last = StoredItems()
            self._sources.append(last)
        last.extend(items)
        self._grown()

    def add(self, source: ItemSource) -> None:
        """Add the items of a source at the end."""
        self._sources.append(source)
        self._grown()

    def _grown(self) -> None:
        self.modified_at = now()
        self._growth.append((self.modified_at, len(self)))

    def counted(self, lag_seconds: float) -> int:
        """Return the number of items as the counters show it, which know nothing of the last seconds."""
        horizon = now() - timedelta(seconds=lag_seconds)
        if not self._growth or self._growth[-1][0] <= horizon:
            return len(self)
        return max((count for moment, count in self._growth if moment <= horizon), default=0)

    def lines(self, window: range, *, newest_first: bool = False) -> Iterator[bytes]:
        """Return the encoded items of a window of ascending indices, in order or newest first."""
        for source, indices in self._parts(window, newest_first=newest_first):
            yield from source.lines(indices)

    def fields(self, window: range, *, newest_first: bool = False) -> Iterator[tuple[str, ...]]:
        """Return the names of the items' fields, nested ones as ``parent/child``."""
        for source, indices in self._parts(window, newest_first=newest_first):
            yield from source.fields(indices)

    def _parts(self, window: range, *, newest_first: bool) -> Iterator[tuple[ItemSource, range]]:
        """Return the sources that a window touches, each with its own indices, in the order they are wanted."""
        parts: list[tuple[ItemSource, range]] = []
        start = 0
        for source in self._sources:
            size = len(source)
            indices = range(max(window.start - start, 0), min(window.stop - start, size))
            parts.append((source, indices[::-1] if newest_first else indices))
            start += size
        return reversed(parts) if newest_first else iter(parts)
