"""Pages of dataset items: which ones, changed in which way."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_apify.testing.datasets import Dataset, Item

NO_LIMIT = 999_999_999_999


@dataclass(frozen=True, kw_only=True)
class Shape:
    """How items are changed on their way out; all of it happens after offset and limit were applied."""

    fields: tuple[str, ...] = ()
    output_fields: tuple[str, ...] = ()
    omit: tuple[str, ...] = ()
    unwind: tuple[str, ...] = ()
    flatten: tuple[str, ...] = ()
    skip_hidden: bool = False
    skip_empty: bool = False
    skip_failed_pages: bool = False

    def is_plain_for(self, dataset: Dataset) -> bool:
        """Tell whether the stored lines can go out as they are."""
        changes = self.fields or self.omit or self.unwind or self.flatten or self.skip_failed_pages
        return not changes and (dataset.is_clean or not (self.skip_hidden or self.skip_empty))

    def apply(self, items: Iterable[Item]) -> Iterator[Item]:
        """Return the items as they go out."""
        return iter(items) if self == Shape() else self._changed(items)

    def _changed(self, items: Iterable[Item]) -> Iterator[Item]:
        for item in items:
            if self.skip_failed_pages and item.get("errorInfo"):
                continue
            for shaped in unwound([self._picked(item)], self.unwind):
                flat = flattened(shaped, self.flatten)
                if flat or not self.skip_empty:
                    yield flat

    def _picked(self, item: Item) -> Item:
        picked = item
        if self.skip_hidden:
            picked = {name: value for name, value in picked.items() if not name.startswith("#")}
        if self.fields:
            names = zip(self.fields, self.output_fields or self.fields, strict=True)
            picked = {new: picked[old] for old, new in names if old in picked}
        return {name: value for name, value in picked.items() if name not in self.omit}


def unwound(items: list[Item], names: tuple[str, ...]) -> list[Item]:
    """Merge each element of a field into a copy of its item, one field after the other."""
    for name in names:
        items = [each for item in items for each in _unwound_once(item, name)]
    return items


def _unwound_once(item: Item, name: str) -> list[Item]:
    value = item.get(name)
    parent = {other: kept for other, kept in item.items() if other != name}
    if isinstance(value, dict):
        return [{**parent, **value}]
    if isinstance(value, list):
        return [{**parent, **(element if isinstance(element, dict) else {name: element})} for element in value]
    return [item]


def flattened(item: Item, names: tuple[str, ...]) -> Item:
    """Turn the nested objects of some fields into fields with dotted names."""
    if not names:
        return item
    flat: Item = {}
    for name, value in item.items():
        flat.update(dict(leaves(value, name, ".")) if name in names and isinstance(value, dict) else {name: value})
    return flat


def leaves(value: Any, name: str, separator: str) -> Iterator[tuple[str, Any]]:
    """Return the values inside a nested value, each with the path to it."""
    children: Iterable[tuple[str, Any]] = ()
    if isinstance(value, dict):
        children = value.items()
    elif isinstance(value, list):
        children = ((str(index), element) for index, element in enumerate(value))
    found = False
    for key, child in children:
        found = True
        yield from leaves(child, f"{name}{separator}{key}", separator)
    if not found:
        yield name, None if isinstance(value, (dict, list)) else value


@dataclass(frozen=True, kw_only=True)
class Page:
    """Some items of a dataset, in one order."""

    dataset: Dataset
    window: range
    newest_first: bool

    @classmethod
    def of(cls, dataset: Dataset, *, offset: int, limit: int, newest_first: bool) -> Page:
        """Return the page that starts after ``offset`` items and holds at most ``limit``."""
        size = len(dataset)
        if newest_first:
            window = range(max(size - offset - limit, 0), max(size - offset, 0))
        else:
            window = range(min(offset, size), min(offset + limit, size))
        return cls(dataset=dataset, window=window, newest_first=newest_first)

    def __len__(self) -> int:
        return len(self.window)

    def lines(self) -> Iterator[bytes]:
        """Return the items as they are stored."""
        return self.dataset.lines(self.window, newest_first=self.newest_first)

    def items(self) -> Iterator[Item]:
        """Return the items, decoded."""
        return map(json.loads, self.lines())
