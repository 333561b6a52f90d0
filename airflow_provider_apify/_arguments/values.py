"""Values that DAG authors write, or templates: read, or told what to write instead."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

_STORAGE_NAME = re.compile(r"[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?")


def parse_text(name: str, value: Any) -> str:
    """Read a string."""
    if not isinstance(value, str):
        raise ValueError(f"{name} must be a string, not {value!r}.")  # noqa: TRY004 - wrong arguments are ValueError
    return value


def parse_whole_number(name: str, value: Any, *, minimum: int, unit: str = "") -> int:
    """Read a whole number, or its text as a template renders it.

    :param unit: what it counts, for an error message.
    """
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        number = Decimal("NaN")
    if isinstance(value, bool) or not number.is_finite() or number != int(number) or number < minimum:
        what = f"a whole number of {unit}" if unit else "a whole number"
        raise ValueError(f"{name} must be {what}, at least {minimum}, not {value!r}.")
    return int(number)


def parse_dollars(name: str, value: Any) -> Decimal:
    """Read an amount of US dollars, above 0."""
    try:
        dollars = Decimal(str(value))
    except InvalidOperation:
        dollars = Decimal("NaN")
    if isinstance(value, bool) or not dollars.is_finite() or dollars <= 0:
        raise ValueError(f"{name} must be US dollars above 0, for example 2.5, not {value!r}.")
    return dollars


def parse_seconds(name: str, value: Any, *, minimum: float = 0.0) -> float:
    """Read a time span: a number of seconds or a ``timedelta``."""
    try:
        seconds = value.total_seconds() if isinstance(value, timedelta) else float(value)
    except (TypeError, ValueError):
        seconds = float("nan")
    if isinstance(value, bool) or not minimum <= seconds < float("inf"):
        raise ValueError(f"{name} must be seconds, {minimum:g} or more, not {value!r}.")
    return seconds


def parse_flag(name: str, value: Any) -> bool:
    """Read a switch: a boolean, or its name as a template renders it."""
    flags = {"true": True, "false": False}
    try:
        return flags[str(value).lower()]
    except KeyError:
        raise ValueError(f"{name} must be True or False, not {value!r}.") from None


def check_storage_name(argument: str, name: str) -> None:
    """Check the name of a dataset, key-value store or request queue.

    :param argument: what the DAG's author calls it.
    :raises ValueError: Apify does not take such a name.
    """
    if not _STORAGE_NAME.fullmatch(name):
        raise ValueError(
            f"{argument} is {name!r}. A storage's name has letters a to z, digits and hyphens, 63 at most, and neither "
            "begins nor ends with a hyphen.",
        )
