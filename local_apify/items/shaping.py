"""How dataset items are changed on their way out.

Apify's documents do not say in which order. What they imply, and what is known of its use: fields are picked first
(``simplified`` picks pageFunctionResult and then unwinds it), omitted ones go after unwinding, and a view's fields are
picked last, by the names that unwinding and flattening gave. The rest is a guess: that hidden fields go first, that
names like ``a.b`` are paths for ``fields`` as they are for ``omit``, that new names are given in the end, that elements
which are no objects stay under the field's name, and that flattening leaves lists alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from local_apify.world.datasets import Item

_MISSING = object()


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What becomes of items after offset and limit were applied, step by step.

    :param fields: the only fields that are picked, in this order.
    :param output_fields: new names of them, or nothing.
    :param view_fields: the only fields that are shown in the end, in this order.
    """

    skip_failed_pages: bool = False
    skip_hidden: bool = False
    fields: tuple[str, ...] = ()
    unwind: tuple[str, ...] = ()
    flatten: tuple[str, ...] = ()
    omit: tuple[str, ...] = ()
    output_fields: tuple[str, ...] = ()
    view_fields: tuple[str, ...] = ()
    skip_empty: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """The order of the fields, as far as it was asked for."""
        return self.view_fields or self.output_fields or self.fields

    def keeps(self, *, clean: bool) -> bool:
        """Tell whether items stay as they are.

        :param clean: whether none of them is empty or has hidden fields.
        """
        return self in (Shape(), *([Shape(skip_hidden=self.skip_hidden, skip_empty=self.skip_empty)] if clean else []))

    def apply(self, items: Iterable[Item]) -> Iterator[Item]:
        """Return the items as they go out. The items themselves may be changed."""
        for item in items:
            if self.skip_failed_pages and item.get("errorInfo"):
                continue
            for each in self._unwound(item):
                shaped = self._named(flattened(each, self.flatten))
                if shaped or not self.skip_empty:
                    yield shaped

    def _unwound(self, item: Item) -> list[Item]:
        if self.skip_hidden:
            item = {name: value for name, value in item.items() if not name.startswith("#")}
        if self.fields:
            item = picked(item, self.fields)
        return unwound([item], self.unwind)

    def _named(self, item: Item) -> Item:
        for name in self.omit:
            omit(item, name)
        if self.output_fields:
            names = dict(zip(self.fields, self.output_fields, strict=True))
            item = {names.get(name, name): value for name, value in item.items()}
        return picked(item, self.view_fields) if self.view_fields else item


def picked(item: Item, names: tuple[str, ...]) -> Item:
    """Return some fields of an item, in this order; ``a.b`` is the field of that name, or ``b`` inside ``a``."""
    result: Item = {}
    for name in names:
        if name in item:
            result[name] = item[name]
            continue
        *parents, last = name.split(".")
        value: Any = item
        for key in (*parents, last):
            value = value.get(key, _MISSING) if isinstance(value, dict) else _MISSING
        if value is not _MISSING:
            place = result
            for key in parents:
                place = place.setdefault(key, {})
            place[last] = value
    return result


def omit(item: Item, name: str) -> None:
    """Remove a field from an item; ``a.b`` is the field of that name, or ``b`` inside ``a``."""
    place: Any = item
    if name not in item:
        *parents, name = name.split(".")
        for key in parents:
            place = place.get(key) if isinstance(place, dict) else None
    if isinstance(place, dict):
        place.pop(name, None)


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
        flat.update(_dotted(name, value) if name in names else [(name, value)])
    return flat


def _dotted(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for key, child in value.items():
            yield from _dotted(f"{name}.{key}", child)
    else:
        yield name, value
