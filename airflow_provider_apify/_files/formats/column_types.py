"""Columns of a table as a task names them: a type for each name. No I/O.

A type is a word (``"string"``), or made of others: ``"list<string>"``, ``"struct<name: string, price: double>"``.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Union

JSON = "json"
"""Text that holds any value as JSON."""
WORDS: Mapping[str, str] = MappingProxyType(
    {each: each for each in ("string", "int64", "int32", "double", "float", "bool", "timestamp", "date", JSON)}
    | {"text": "string", "integer": "int64", "int": "int64", "number": "double", "boolean": "bool"}
    | {"float64": "double", "float32": "float", "date32": "date", "datetime": "timestamp"}
)
"""What may be written for a type, and the word that is used for it."""
_KNOWN = "string, int64, int32, double, float, bool, timestamp, date, json, list<...> or struct<name: ..., ...>"
_TOKEN = re.compile(r"\s*([<>,:]|[^<>,:\s]+)")
_SCHEMA_WORDS = {"string": "string", "integer": "int64", "number": "double", "boolean": "bool"}


@dataclass(frozen=True)
class ListOf:
    """A list whose elements are of one type."""

    item: ColumnType


@dataclass(frozen=True)
class StructOf:
    """An object with named fields; others are left out."""

    fields: dict[str, ColumnType] = field(default_factory=dict)


ColumnType = Union[str, ListOf, StructOf]  # noqa: UP007 - names that are defined above it


@dataclass(frozen=True)
class Chosen:
    """Columns that a task has chosen.

    :param columns: their names and types.
    :param nulls_misfits: whether a value that does not fit becomes null; else it is an error.
    """

    columns: StructOf
    nulls_misfits: bool = False


def parse_columns(columns: Mapping[Any, Any], flattened: Collection[str] = ()) -> StructOf:
    """Return what a mapping of names to types means.

    :param columns: ``"a.b"`` is ``b`` inside ``a``.
    :param flattened: fields whose objects Apify makes fields with dotted names: below these a dot is part of the name.
    :raises ValueError: no names, no such type, or a name that is inside of what is no object.
    """
    if not columns:
        raise ValueError("columns is empty. Name each column with its type, for example {'price': 'double'}.")
    table = StructOf()
    for name, text in columns.items():
        if not isinstance(name, str) or not isinstance(text, str):
            said = f"columns has {name!r}: {text!r}. Give names and types as text, such as 'price': 'double'."
            raise ValueError(said)  # noqa: TRY004 - wrong arguments are ValueError
        is_literal = name.partition(".")[0] in flattened
        _put(table, [name] if is_literal else name.split("."), parse_type(text), name)
    return table


def _put(table: StructOf, path: list[str], kind: ColumnType, name: str) -> None:
    first, *rest = path
    if not rest:
        if first in table.fields:
            raise ValueError(f"columns names {name!r} twice, or both it and what is inside of it.")
        table.fields[first] = kind
        return
    inner = table.fields.setdefault(first, StructOf())
    if not isinstance(inner, StructOf):
        said = f"columns names {name!r}, but {first!r} has a type of its own: leave that out."
        raise ValueError(said)  # noqa: TRY004 - wrong arguments are ValueError
    _put(inner, rest, kind, name)


def parse_type(text: str) -> ColumnType:
    """Return the type that a text means.

    :raises ValueError: none.
    """
    tokens = iter(_TOKEN.findall(text))
    try:
        kind = _parsed(next(tokens), tokens)
    except StopIteration:
        kind = None
    if kind is None or next(tokens, None) is not None:
        raise ValueError(f"columns has the type {text!r}. Give one of {_KNOWN}.")
    return kind


def _parsed(word: str, tokens: Iterator[str]) -> ColumnType | None:
    """Return a type, or ``None`` where there is none; raises ``StopIteration`` where the text ends too early."""
    if word == "list" and next(tokens) == "<":
        item = _parsed(next(tokens), tokens)
        return ListOf(item) if item is not None and next(tokens) == ">" else None
    if word == "struct" and next(tokens) == "<":
        return _parsed_struct(tokens)
    return WORDS.get(word.lower())


def _parsed_struct(tokens: Iterator[str]) -> StructOf | None:
    struct = StructOf()
    while True:
        name, colon = next(tokens), next(tokens)
        kind = _parsed(next(tokens), tokens) if colon == ":" else None
        if kind is None or name in struct.fields:
            return None
        struct.fields[name] = kind
        after = next(tokens)
        if after != ",":
            return struct if after == ">" else None


def columns_of_schema(schema: Mapping[str, Any] | None) -> StructOf:
    """Return the columns that the dataset schema of an Actor describes.

    :param schema: ``schema`` of a dataset, whose ``fields`` are a JSON schema of its items.
    :raises ValueError: it describes none.
    """
    fields = (schema or {}).get("fields")
    table = _of_schema(fields) if isinstance(fields, Mapping) else None
    if not isinstance(table, StructOf):
        said = "columns is 'dataset_schema', but the dataset's Actor describes no fields in one. Name the columns."
        raise ValueError(said)  # noqa: TRY004 - wrong arguments are ValueError
    return table


def _of_schema(schema: Any) -> ColumnType:
    if not isinstance(schema, Mapping):
        return JSON
    types = schema.get("type")
    kinds = [kind for kind in (types if isinstance(types, list) else [types]) if kind != "null"]
    kind = kinds[0] if len(kinds) == 1 else None
    if kind == "object" and isinstance(schema.get("properties"), Mapping) and schema["properties"]:
        return StructOf({name: _of_schema(each) for name, each in schema["properties"].items()})
    if kind == "array" and "items" in schema:
        return ListOf(_of_schema(schema["items"]))
    if kind == "string" and schema.get("format") in {"date-time", "date"}:
        return "timestamp" if schema["format"] == "date-time" else "date"
    return _SCHEMA_WORDS.get(str(kind), JSON)
