"""Inputs, checked against input schemas."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from jsonschema import Draft7Validator
from jsonschema.exceptions import SchemaError

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

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
    """Check an input schema.

    :raises ValueError: it is none.
    """
    try:
        Draft7Validator.check_schema(schema)
    except SchemaError as error:
        raise ValueError(f"The input schema is not valid: {error.message}") from None


def complaint(schema: Mapping[str, Any], value: Mapping[str, Any]) -> str | None:
    """Say what is wrong with an input, as Apify does: by the field, without its value. ``None`` where nothing is.

    Fields with a default may be missing.
    """
    properties: Mapping[str, Any] = schema.get("properties", {})
    defaults = {name: each["default"] for name, each in properties.items() if "default" in each}
    error = next(iter(Draft7Validator(schema).iter_errors({**defaults, **value})), None)
    return None if error is None else _in_words(error)


def _in_words(error: ValidationError) -> str:
    field = ".".join(["input", *map(str, error.absolute_path)])
    rule, limit = str(error.validator), cast("Any", error.validator_value)
    if rule == "required":
        missing = next(name for name in limit if name not in cast("Any", error.instance))
        return f"Field {field}.{missing} is required"
    if rule == "type":
        return f"Field {field} must be {limit}"
    if rule == "enum":
        return f"Field {field} must be equal to one of the allowed values: {', '.join(map(repr, limit))}"
    return f"Field {field} must {_LIMITS.get(rule, f'keep to {rule}')} {limit}"
