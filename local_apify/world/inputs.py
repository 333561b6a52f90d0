"""Inputs, checked against input schemas."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from jsonschema import Draft7Validator
from jsonschema.exceptions import SchemaError
from referencing import Registry
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT7

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

_NOTHING_ELSE: Registry[Any] = Registry()
"""What schemas may refer to beside themselves."""
_LIMITS = {
    "minimum": "be at least",
    "maximum": "be at most",
    "minItems": "have at least so many items:",
    "maxItems": "have at most so many items:",
    "minLength": "have at least so many characters:",
    "maxLength": "have at most so many characters:",
    "pattern": "match the pattern",
}


def check_schema(schema: Mapping[str, Any]) -> None:
    """Check an input schema. What it refers to must be in itself: nothing is fetched.

    :raises ValueError: it is none, or refers to what is not there.
    """
    try:
        _check(schema, _NOTHING_ELSE.resolver_with_root(DRAFT7.create_resource(schema)), set())
    except SchemaError as error:
        raise ValueError(f"The input schema is not valid: {error.message}") from None
    except (Unresolvable, ValueError) as error:
        raise ValueError(f"The input schema refers to what is not there: {error}") from None
    except RecursionError:
        raise ValueError("The input schema is nested too deep.") from None


def _check(schema: Any, resolver: Any, known: set[int]) -> None:
    """Check a schema with all that it has inside, and all that it refers to."""
    if id(schema) in known:
        return
    known.add(id(schema))
    Draft7Validator.check_schema(schema)
    if isinstance(schema, dict) and "$ref" in schema:
        found = resolver.lookup(schema["$ref"])
        _check(found.contents, found.resolver, known)
    for part in DRAFT7.create_resource(schema).subresources():
        _check(part.contents, resolver.in_subresource(part), known)


def complaint(schema: Mapping[str, Any], value: Mapping[str, Any]) -> str | None:
    """Say what is wrong with an input, as Apify does: by the field, without its value. ``None`` where nothing is.

    Fields with a default may be missing.
    """
    properties: Mapping[str, Any] = schema.get("properties", {})
    defaults = {
        name: each["default"] for name, each in properties.items() if isinstance(each, dict) and "default" in each
    }
    validator = Draft7Validator(schema, registry=_NOTHING_ELSE)
    try:
        error = next(iter(validator.iter_errors({**defaults, **value})), None)
    except RecursionError:
        return "its schema refers to itself without end"
    return None if error is None else _in_words(error)


def _in_words(error: ValidationError) -> str:
    field = ".".join(["input", *map(str, error.absolute_path)])
    rule, limit = str(error.validator), cast("Any", error.validator_value)
    if rule == "required":
        missing = next(name for name in limit if name not in cast("Any", error.instance))
        return f"Field {field}.{missing} is required"
    if rule == "additionalProperties" and limit is False:
        known = cast("Any", error.schema).get("properties", {})
        more = next(name for name in cast("Any", error.instance) if name not in known)
        return f"Property {field}.{more} is not allowed."
    if rule == "type":
        return f"Field {field} must be {limit}"
    if rule == "enum":
        return f"Field {field} must be equal to one of the allowed values: {', '.join(map(repr, limit))}"
    return f"Field {field} must {_LIMITS.get(rule, f'keep to {rule}')} {limit}"
