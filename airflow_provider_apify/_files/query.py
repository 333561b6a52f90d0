"""Which items of a dataset are wanted, and in what shape: read, checked, and named as the API names it. No I/O."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any

from airflow_provider_apify._arguments.templates import is_given, is_number, is_template
from airflow_provider_apify._arguments.values import parse_flag, parse_text, parse_whole_number

_Names = tuple[str, ...]
_XML_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_FORMATS_OF: Mapping[str, _Names] = {
    "delimiter": ("csv",),
    "skip_header_row": ("csv",),
    "bom": ("csv", "xml", "html", "rss"),  # JSON forbids one, the others are no text
    "xml_root": ("xml",),
    "xml_row": ("xml",),
    "feed_title": ("rss",),
    "feed_description": ("rss",),
}


@dataclass(frozen=True)
class ItemsQuery:
    """Parameters of the items endpoint, beside the format. ``None`` and ``()`` leave them to Apify.

    Apify picks ``fields`` first, then unwinds, then flattens. Filters apply after offset and limit, so that a page may
    hold fewer items than it stands for. See https://docs.apify.com/api/v2/dataset-items-get.

    :param offset: how many items to leave out at the start, counted before any filter.
    :param limit: how many items to take at most, counted before any filter.
    :param clean: the same as ``skip_hidden`` and ``skip_empty``.
    :param fields: only these fields, in this order; ``"a.b"`` is ``b`` inside ``a``.
    :param output_fields: new names of ``fields``, one for each.
    :param omit: all but these fields.
    :param unwind: fields that are taken apart, in this order: each element of a list becomes an item of its own, merged
        with the rest of the item it was in; an object is merged with it.
    :param flatten: fields whose objects become fields with dotted names, ``a.b``.
    :param desc: newest items first.
    :param view: a view of the Actor's dataset schema, for example ``"overview"``.
    :param skip_hidden: leave out fields that start with ``#``.
    :param skip_empty: leave out items without fields.
    :param simplified: as the old Apify Crawler did: fields url, pageFunctionResult and errorInfo, with
        pageFunctionResult unwound.
    :param skip_failed_pages: as the old Apify Crawler did: leave out items with errorInfo.
    :param delimiter: one character between the cells of CSV; Apify's default is a comma.
    :param skip_header_row: CSV without its first row, the names of its columns.
    :param bom: whether CSV, XML, HTML or RSS begins with a byte order mark.
    :param xml_root: name of XML's outermost element; Apify's default is ``items``.
    :param xml_row: name of the element of each item in XML; Apify's default is ``item``.
    :param feed_title: title of the RSS feed.
    :param feed_description: description of the RSS feed.
    """

    offset: int | None = None
    limit: int | None = None
    clean: bool | None = None
    fields: _Names = ()
    output_fields: _Names = ()
    omit: _Names = ()
    unwind: _Names = ()
    flatten: _Names = ()
    desc: bool | None = None
    view: str | None = None
    skip_hidden: bool | None = None
    skip_empty: bool | None = None
    simplified: bool | None = None
    skip_failed_pages: bool | None = None
    delimiter: str | None = None
    skip_header_row: bool | None = None
    bom: bool | None = None
    xml_root: str | None = None
    xml_row: str | None = None
    feed_title: str | None = None
    feed_description: str | None = None

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> ItemsQuery:
        """Read parameters as DAGs and rendered templates write them.

        Flags may be the strings ``"true"`` and ``"false"``, names a list or a string with commas in between. ``None``,
        ``""`` and empty lists are unset.

        :raises ValueError: a wrong value, or two that contradict each other, with what to write instead.
        """
        query = cls._read(values)
        for _, words in _contradictions(query):
            raise ValueError(words)
        return query

    @classmethod
    def check(cls, values: Mapping[str, Any], file_format: str | None) -> ItemsQuery:
        """Find mistakes before templates are rendered; what depends on a template is left to :meth:`parse`.

        :param file_format: ``None`` where it is not known yet.
        :return: what is known.
        :raises ValueError: as :meth:`parse` and :meth:`params` do.
        """
        templates = {name for name, value in values.items() if is_template(value)}
        query = cls._read({name: value for name, value in values.items() if name not in templates})
        for names, words in _contradictions(query):
            if templates.isdisjoint(names):
                raise ValueError(words)
        if file_format is not None:
            query.params(file_format)
        return query

    @classmethod
    def _read(cls, values: Mapping[str, Any]) -> ItemsQuery:
        unknown = values.keys() - set(ITEMS_PARAMETERS)
        if unknown:
            raise ValueError(f"Unknown parameters of items: {', '.join(sorted(unknown))}.")
        given = {name: value for name, value in values.items() if is_given(value) and value not in ([], ())}
        return cls(**{name: _PARSERS[name](name, value) for name, value in given.items()})

    def params(self, file_format: str) -> dict[str, Any]:
        """Return what is set by the names of the API, without the format itself.

        :param file_format: of the file, for example ``"csv"``.
        :raises ValueError: something is set that belongs to another format.
        """
        given = {name: value for name in ITEMS_PARAMETERS if (value := getattr(self, name)) not in (None, ())}
        for name, formats in _FORMATS_OF.items():
            if name in given and file_format not in formats:
                known = ", ".join(formats)
                raise ValueError(f"{name} is for {known} only, but the file is {file_format}: leave {name} out.")
        return {_api_name(name): value for name, value in given.items()}

    def params_of_lines(self) -> dict[str, Any]:
        """Return the same of what is set for all formats."""
        return self._without(*_FORMATS_OF).params("jsonl")

    def shown(self, names: Iterable[str]) -> list[str]:
        """Return those of some fields of items that are shown, by the names that they get."""
        if self.fields:
            return list(self.output_fields or self.fields)
        hides = self.clean or self.skip_hidden
        return [name for name in names if name not in self.omit and not (hides and name.startswith("#"))]

    def _without(self, *names: str) -> ItemsQuery:
        unset: dict[str, Any] = dict.fromkeys(names)
        return replace(self, **unset)

    @property
    def keeps_every_item(self) -> bool:
        """Whether each item that Apify scans becomes exactly one record, so that records can be counted against it."""
        filters = (self.clean, self.skip_empty, self.skip_failed_pages, self.simplified, self.unwind, self.view)
        return not any(filters)

    @property
    def is_all_that_is_clean(self) -> bool:
        """Whether the wanted items are those that Apify counts as clean: all that are not empty without hidden fields.

        Other parameters may make more of them empty, or other items of them.
        """
        if not (self.clean or (self.skip_empty and self.skip_hidden)):
            return False
        rest = self._without("clean", "skip_empty", "skip_hidden", "desc", *_FORMATS_OF)
        return replace(rest, offset=rest.offset or None) == ItemsQuery()

    @property
    def keeps_order_when_growing(self) -> bool:
        """Whether an offset means the same item while items are added: not where the newest come first."""
        return not self.desc and self.view is None  # a view may sort as well


ITEMS_PARAMETERS: _Names = tuple(parameter.name for parameter in fields(ItemsQuery))
"""The names of all parameters, as operators take them."""


def _contradictions(query: ItemsQuery) -> Iterator[tuple[_Names, str]]:
    """Yield what does not go together: the parameters concerned, and what to write instead."""
    yield from _contradictions_of_names(query)
    for part in ("skip_hidden", "skip_empty"):
        if query.clean and getattr(query, part) is False:
            yield ("clean", part), f"clean=True includes {part}=True: leave clean out, or {part}."
    yield from _exclusions(query, "simplified", ("fields", "output_fields", "unwind", "view"))
    yield from _exclusions(query, "view", ("fields", "output_fields", "omit", "unwind", "flatten"))


def _contradictions_of_names(query: ItemsQuery) -> Iterator[tuple[_Names, str]]:
    if query.output_fields and len(query.output_fields) != len(query.fields):
        counts = f"{len(query.output_fields)} for {len(query.fields)}"
        yield ("fields", "output_fields"), f"output_fields are new names of fields, one for each, not {counts}."
    if both := [name for name in query.fields if name in query.omit]:
        yield ("fields", "omit"), f"fields and omit both name {', '.join(both)}, which would be left out: name it once."
    for part in ("clean", "skip_hidden"):
        if getattr(query, part) and (hidden := [name for name in query.fields if name.startswith("#")]):
            words = (
                f"fields name {', '.join(hidden)}, which {part} leaves out: take it from fields, or leave {part} out."
            )
            yield (part, "fields"), words
    for parameter, name in _unreachable(query):
        words = f"{parameter} names {name}, which fields leave out, so nothing would happen: add {name} to fields."
        yield ("fields", "unwind", "flatten"), words


def _unreachable(query: ItemsQuery) -> Iterator[tuple[str, str]]:
    """Yield what is to be unwound or flattened although it was not picked; what was unwound may bring new fields."""
    picked = {name.partition(".")[0] for name in query.fields}
    parameter, names = ("unwind", query.unwind[:1]) if query.unwind else ("flatten", query.flatten)
    for name in names:
        if picked and name.partition(".")[0] not in picked:
            yield parameter, name


def _exclusions(query: ItemsQuery, name: str, others: _Names) -> Iterator[tuple[_Names, str]]:
    if getattr(query, name):
        for other in others:
            if getattr(query, other):
                yield (name, other), f"{name} chooses the fields by itself: give {name} or {other}, not both."


def _api_name(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))


def _names(name: str, value: Any) -> _Names:
    """Read the names of fields: a list, or a string with commas in between."""
    if isinstance(value, str) and value.lstrip().startswith("["):
        raise ValueError(
            f"{name} is the text of a list, {value!r}. Write {{{{ the_list | join(',') }}}} in the template, or set "
            "render_template_as_native_obj on the DAG.",
        )
    parts = value.split(",") if isinstance(value, str) else [value] if is_number(value) else value
    if isinstance(parts, list | tuple):  # a DAG that renders templates as objects makes numbers of some names
        parts = [str(part) if is_number(part) else part for part in parts]
    if not isinstance(parts, list | tuple) or not all(isinstance(part, str) for part in parts):
        raise ValueError(f"{name} must be a list of field names, or a string with commas in between, not {value!r}.")
    names = tuple(part.strip() for part in parts)
    if not all(names) or any("," in part for part in names):
        raise ValueError(f"{name} must be names without commas, none of them empty, not {value!r}.")
    if len(set(names)) < len(names):
        raise ValueError(f"{name} must name each field once, not {value!r}.")
    return names


def _delimiter(name: str, value: Any) -> str:
    if not isinstance(value, str) or len(value) != 1 or value in '"\r\n':
        raise ValueError(f"{name} must be one character other than a quote or a line break, not {value!r}.")
    return value


def _xml_name(name: str, value: Any) -> str:
    if not isinstance(value, str) or not _XML_NAME.fullmatch(value):
        raise ValueError(
            f"{name} must be the name of an XML element: a letter or '_', then letters, digits, '_', '-', '.'; "
            f"not {value!r}.",
        )
    return value


_PARSERS: Mapping[str, Callable[[str, Any], Any]] = {
    **dict.fromkeys(ITEMS_PARAMETERS, parse_flag),
    **dict.fromkeys(("fields", "output_fields", "omit", "unwind", "flatten"), _names),
    **dict.fromkeys(("view", "feed_title", "feed_description"), parse_text),
    **dict.fromkeys(("xml_root", "xml_row"), _xml_name),
    "delimiter": _delimiter,
    "offset": partial(parse_whole_number, minimum=0),
    "limit": partial(parse_whole_number, minimum=1),
}
