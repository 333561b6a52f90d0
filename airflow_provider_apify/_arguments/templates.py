"""Arguments that are only known when the task runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

NOT_THERE = "All are empty. If a template makes one, what that looks for is not there."


def is_given(value: Any) -> bool:
    """Tell whether an argument is given: templates write what is not as an empty text, or as ``None``."""
    return value is not None and not (isinstance(value, str) and value in {"", "None"})


def is_number(value: Any) -> bool:
    """Tell whether a value is a number; flags are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def check_exactly_one(words: str, **arguments: Any) -> None:
    """Check that one of several arguments is given.

    :param words: what to say of the last one.
    :raises ValueError: none is, or more, or it is empty.
    """
    given = {name: value for name, value in arguments.items() if value is not None}
    if len(given) != 1:
        lost = "" if given else f" {NOT_THERE}"
        raise ValueError(f"Give exactly one of {' and '.join(arguments)} ({words}).{lost}")
    check_not_empty(**given)


def check_not_empty(**arguments: Any) -> None:
    """Check that no argument is an empty text, as a template renders that has found nothing.

    :raises ValueError: one is.
    """
    for name, value in arguments.items():
        if value == "":
            raise ValueError(f"{name} is empty. If a template makes it, what that looks for is not there.")


def is_template(value: Any) -> bool:
    """Tell whether a value is, or holds, a template, a function that renders it, or the output of another task."""
    if isinstance(value, str):
        return "{{" in value or "{%" in value
    if isinstance(value, Mapping):
        return any(is_template(item) for item in value.values())
    if isinstance(value, list | tuple):
        return any(is_template(item) for item in value)
    return callable(value) or hasattr(value, "resolve")  # XComArg and its kin
