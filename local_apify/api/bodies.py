"""JSON as it is read and written: what JavaScript could read, and what is JSON whatever somebody sent."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from typing import Any, NoReturn

from starlette.responses import JSONResponse

from local_apify.world.errors import ApiError

MAX_DEPTH = 200
"""How deep values may be nested in one another; no limit of Apify's is known."""


class JsonResponse(JSONResponse):
    """An answer in JSON. Half of a surrogate pair, which is no UTF-8, is written as its escape, as JavaScript does."""

    def render(self, content: Any) -> bytes:
        """Write the value."""
        text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return text.encode(errors="backslashreplace")


def parse_json(body: bytes, error_type: str) -> Any:
    """Return the JSON value of a body; NaN, infinities and what becomes one are no JSON.

    :raises ApiError: it is no JSON, or nested too deep.
    """
    try:
        value = json.loads(body, parse_constant=_refuse_constant)
        _check(value)
    except ValueError as error:
        raise ApiError(400, error_type, f"The request body is not valid JSON: {error}") from None
    except RecursionError:
        raise ApiError(400, error_type, "The request body is nested too deep.") from None
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _check(value: Any) -> None:
    """Check numbers and depth, level by level, so that no depth is too much for the check.

    :raises ValueError: a number is too large.
    :raises RecursionError: the value is nested too deep.
    """
    level = [value]
    for _ in range(MAX_DEPTH):
        if any(isinstance(each, (int, float)) and abs(each) > sys.float_info.max for each in level):
            raise ValueError("a number is too large")
        level = [child for each in level for child in _children(each)]
        if not level:
            return
    raise RecursionError


def _children(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
