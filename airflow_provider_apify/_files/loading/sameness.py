"""Whether an item of a file is the one that a dataset has. No I/O."""

from __future__ import annotations

import json
import math
from typing import Any


def same_item(stored: bytes, found: Any) -> bool:
    """Tell whether an item that was read from a file is one that Apify gives, whatever JavaScript has made of it.

    Apify's numbers are JavaScript's: a large whole number loses digits, and what is too large becomes null. The order
    of fields is not kept, and half of a surrogate pair is no text.

    :param stored: JSON text.
    :param found: the value that Apify has.
    """
    return _plain(json.loads(stored)) == _plain(found)


def _plain(value: Any) -> str:
    """Return a JSON value as text that is the same for all that JavaScript takes for the same."""
    text = json.dumps(_as_javascript(value), ensure_ascii=False, sort_keys=True)
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _as_javascript(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _as_javascript(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_as_javascript(each) for each in value]
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    number = _double(value)
    return number + 0.0 if math.isfinite(number) else None  # + 0.0 makes zero of minus zero


def _double(number: float) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf
