"""JSON values, checked against the fields of a dataclass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from types import UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

LONGEST_SECONDS = 1_000_000_000
"""Some thirty years: times that are added to the present must not lead out of the calendar."""


def check_fields(kind: type[Any], values: Any, what: str) -> None:
    """Check that values could be fields of a dataclass: known names, the right types, and texts that are Unicode.

    :param what: they are called, such as ``setting``.
    :raises ValueError: one of them could not be.
    """
    if not isinstance(values, dict):
        raise ValueError(f"Give an object with a field for each {what}.")  # noqa: TRY004 - a mistake in what was sent
    types = {field.name: field.type for field in fields(kind)}
    unknown = sorted(values.keys() - types.keys())
    if unknown:
        raise ValueError(f"There is no {what} named {', '.join(unknown)}.")
    hints = get_type_hints(kind)
    for name, value in values.items():
        if not _fits(value, hints[name]):
            raise ValueError(f'The {what} "{name}" must be of the type {types[name]}.')


def check_range(what: str, name: str, value: float | None, low: float, high: float | None = None) -> None:
    """Check a number, if there is one.

    :raises ValueError: it is too low or too high.
    """
    if value is not None and (value < low or (high is not None and value > high)):
        limits = f"{low} or more" if high is None else f"from {low} to {high}"
        raise ValueError(f'The {what} "{name}" must be {limits}.')


def _fits(value: Any, hint: Any) -> bool:
    origin, inner = get_origin(hint), get_args(hint)
    if hint is Any:
        return True
    if origin is Literal:
        return value in inner
    if origin is UnionType:
        return any(_fits(value, each) for each in inner)
    if origin in {dict, Mapping}:
        return isinstance(value, dict) and all(_fits(each, inner[1]) for each in value.values())
    if isinstance(value, str):
        return hint is str and _is_unicode(value)
    return isinstance(value, (int, float) if hint is float else hint) and isinstance(value, bool) == (hint is bool)


def _is_unicode(text: str) -> bool:
    """Tell whether a text has no half of a surrogate pair, which nothing could send."""
    return not any("\ud800" <= character <= "\udfff" for character in text)
