"""Arguments that are only known when the task runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def is_template(value: Any) -> bool:
    """Tell whether a value is, or holds, a template or the output of another task."""
    if isinstance(value, str):
        return "{{" in value or "{%" in value
    if isinstance(value, Mapping):
        return any(is_template(item) for item in value.values())
    if isinstance(value, list | tuple):
        return any(is_template(item) for item in value)
    return hasattr(value, "resolve")  # XComArg and its kin
