"""Bodies made from schemas of Apify's OpenAPI document: as little as it asks for, and as much null as it allows."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from tests.contract.openapi import DOCUMENT

_COMPOSED = ("allOf", "anyOf", "oneOf")
_SCALARS: Mapping[str, Any] = {"string": "text", "integer": 1, "number": 0.5, "boolean": True, "null": None}
_FORMATS: Mapping[str, str] = {"date-time": "2019-06-16T10:23:31.607Z", "uri": "https://example.com/"}
_TEXTS = ("0.1.2", "0.1", "text", "a-longer-text")
Schema = Mapping[str, Any]


@dataclass(frozen=True)
class Style:
    """What is written where a schema leaves a choice.

    :param null_from: the level from which on null is written wherever it may be; 1 is a field of the whole.
    :param optional_until: the last level of fields that are written though they may be left out, and of entries in
        maps and lists.
    """

    null_from: float
    optional_until: float

    @property
    def is_null_now(self) -> bool:
        """Whether null is written wherever it may be."""
        return self.null_from <= 0

    @property
    def has_all_inside(self) -> bool:
        """Whether fields inside are written though they may be left out."""
        return self.optional_until > 0

    @property
    def below(self) -> Style:
        """The style of what is inside."""
        return Style(self.null_from - 1, self.optional_until - 1)


STYLES: Mapping[str, Style] = {
    "the least": Style(math.inf, 0),
    "every field, as little as may be": Style(math.inf, 1),
    "every field and entry, as little as may be": Style(math.inf, 2),
    "null wherever it may be": Style(1, math.inf),
    "null in every field": Style(2, math.inf),
    "null in every entry": Style(3, math.inf),
}


@cache
def _document() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(DOCUMENT.read_text(encoding="utf-8"))
    return document


def body_of(schema_name: str, style: Style) -> Any:
    """Return a value of a schema of the document.

    :param schema_name: of ``components/schemas``.
    """
    return _value(_document()["components"]["schemas"][schema_name], style)


def _value(schema: Schema, style: Style) -> Any:
    schema = _resolved(schema)
    choices = _kinds(schema)
    may_be_null = "null" in choices and None in schema.get("enum", [None])
    if may_be_null and (style.is_null_now or choices == ["null"]):
        return None
    kind = next((each for each in choices if each != "null"), "object")
    if kind == "object":
        return _object(schema, style)
    if kind == "array":
        return [_value(schema.get("items", {}), style.below)] if style.has_all_inside else []
    return _scalar(kind, schema)


def _scalar(kind: str, schema: Schema) -> Any:
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    if "pattern" in schema:
        return next(text for text in _TEXTS if re.search(schema["pattern"], text))
    return _FORMATS.get(schema.get("format", ""), schema.get("minimum", _SCALARS[kind]))


def _object(schema: Schema, style: Style) -> dict[str, Any]:
    properties = schema.get("properties", {})
    needed = properties.keys() if style.has_all_inside else properties.keys() & set(schema.get("required", ()))
    named = {name: _value(properties[name], style.below) for name in properties if name in needed}
    others = schema.get("additionalProperties")
    if not style.has_all_inside or not isinstance(others, Mapping):
        return named
    return {**named, "some-name": _value(others, style.below)}


def _kinds(schema: Schema) -> list[str]:
    kinds = schema.get("type", "object" if "properties" in schema else "string")
    return [kinds] if isinstance(kinds, str) else list(kinds)


def _resolved(schema: Schema) -> dict[str, Any]:
    """Return a schema without references and choices: of all that must hold everything, of those that may the first."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        target = _resolved(_document()["components"]["schemas"][name])
        return _both(target, {key: value for key, value in schema.items() if key != "$ref"})
    found = {key: value for key, value in schema.items() if key not in _COMPOSED}
    for part in schema.get("allOf", ()):
        found = _both(found, _resolved(part))
    choices = [_resolved(part) for keyword in ("anyOf", "oneOf") for part in schema.get(keyword, ())]
    if choices:
        kinds = list(dict.fromkeys(kind for choice in choices for kind in _kinds(choice)))
        found = _both(found, next((each for each in choices if _kinds(each) != ["null"]), choices[0])) | {"type": kinds}
    return found


def _both(one: Schema, other: Schema) -> dict[str, Any]:
    return {
        **one,
        **other,
        "properties": {**one.get("properties", {}), **other.get("properties", {})},
        "required": [*one.get("required", ()), *other.get("required", ())],
    }
