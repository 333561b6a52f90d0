"""JSON as it is read and written: what JavaScript could read, and what is JSON whatever somebody sent."""

from __future__ import annotations

import json
import sys
from collections.abc import Collection, Iterable
from typing import Any, NoReturn, TypeVar

from starlette.responses import JSONResponse

from local_apify.world.errors import ApiError

T = TypeVar("T")
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


class JsonObject:
    """A JSON object somebody sent, whose fields are checked as they are read.

    :raises ApiError: it is no object.
    """

    def __init__(self, value: Any) -> None:
        if not isinstance(value, dict):
            raise ApiError(400, "invalid-input", "Expected a JSON object.")
        self.values: dict[str, Any] = value

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def get(self, name: str, kind: type[T]) -> T | None:
        """Return a field, ``None`` if it is missing or null.

        :raises ApiError: it is of another type.
        """
        value = self.values.get(name)
        is_flag = isinstance(value, bool) and kind is not bool
        if value is not None and (is_flag or not isinstance(value, kind)):
            raise ApiError(400, "invalid-input", f'Field "{name}" must be of type {kind.__name__}.')
        return value

    def one_of(self, name: str, values: Collection[str]) -> str | None:
        """Return a field that has one of some values, ``None`` if it is missing or null.

        :raises ApiError: it has another.
        """
        value = self.get(name, str)
        if value is not None and value not in values:
            raise ApiError(400, "invalid-input", f'Field "{name}" must be one of {", ".join(sorted(values))}.')
        return value

    def texts(self, name: str) -> list[str] | None:
        """Return a list of texts, ``None`` if it is missing or null.

        :raises ApiError: it is something else.
        """
        values = self.get(name, list)
        if not all(isinstance(value, str) for value in values or ()):
            raise ApiError(400, "invalid-input", f'Field "{name}" must be a list of texts.')
        return values
