"""JSON Schema that Airflow can check, of what Apify says about a value. No I/O."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_LIMITS = frozenset(
    {
        *("minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "uniqueItems"),
        *("minProperties", "maxProperties", "enum", "required", "additionalProperties"),
    }
)
_WORDS = ("title", "description")
_PATTERNS = ("patternKey", "patternValue")


def rules_of(prop: Mapping[str, Any]) -> dict[str, Any]:
    """Return the rules for a value and for what is in it, without its type.

    Left out is a pattern that only JavaScript can read: Apify checks it.
    """
    rules = {name: value for name, value in prop.items() if name in _LIMITS}
    if _is_readable(prop.get("pattern")):
        rules["pattern"] = prop["pattern"]
    if isinstance(prop.get("items"), Mapping) and prop["items"]:
        rules["items"] = _subschema(prop["items"])
    if isinstance(prop.get("properties"), Mapping):
        rules["properties"] = {name: _subschema(each) for name, each in prop["properties"].items()}
    return rules | _patterns(prop)


def with_null(types: Any) -> Any:
    """Return a type that may also be left empty."""
    several = [types] if isinstance(types, str) else list(types)
    return [*several, *({"null"} - set(several))]


def _subschema(prop: Any) -> Any:
    if not isinstance(prop, Mapping):
        return prop
    words = {name: prop[name] for name in _WORDS if name in prop}
    types = {"type": with_null(prop["type"]) if prop.get("nullable") else prop["type"]} if "type" in prop else {}
    return words | types | rules_of(prop)


def _patterns(prop: Mapping[str, Any]) -> dict[str, Any]:
    """Return what ``patternKey`` and ``patternValue`` ask of lists of texts, of pairs, and of objects."""
    key, value = [{"pattern": prop[name]} if _is_readable(prop.get(name)) else {} for name in _PATTERNS]
    if not key and not value:
        return {}
    if prop.get("editor") == "keyValue":
        return {"items": {"type": "object", "properties": {"key": key, "value": value}}}
    if prop.get("type") == "array":
        return {"items": {"type": "string", **value}}
    return {"propertyNames": key, "additionalProperties": {"type": "string", **value}}


def _is_readable(pattern: Any) -> bool:
    """Tell whether Python reads a pattern as JavaScript does; both have the rest in common."""
    try:
        return isinstance(pattern, str) and re.compile(pattern) is not None
    except re.error:
        return False
