"""Query parameters, checked as the API checks them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime

from local_apify.world.errors import invalid

_FLAGS = {"1": True, "true": True, "0": False, "false": False, "": False}
_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*", re.IGNORECASE | re.ASCII)


class Query:
    """The parameters of one request, read by type. A wrong value raises ApiError ``invalid-parameter``."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    def text(self, name: str) -> str | None:
        """Return a parameter as it is, ``None`` if it is missing or empty."""
        return self._values.get(name) or None

    def words(self, name: str) -> tuple[str, ...]:
        """Return a comma-separated list."""
        return tuple(word.strip() for word in self._values.get(name, "").split(",") if word.strip())

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Return a switch: ``1`` or ``true``, ``0`` or ``false``."""
        if name not in self._values:
            return default
        value = _FLAGS.get(self._values[name].lower())
        if value is None:
            raise invalid(f'Parameter "{name}" must be a boolean')
        return value

    def number(self, name: str) -> float | None:
        """Return a number."""
        text = self.text(name)
        if text is None:
            return None
        number = float(text) if _NUMBER.fullmatch(text) else math.nan
        if not math.isfinite(number):
            raise invalid(f'Parameter "{name}" must be a number')
        return number

    def integer(self, name: str, *, minimum: float = 0, maximum: float = math.inf) -> int | None:
        """Return a whole number; one above the maximum becomes the maximum.

        :param minimum: the lowest value allowed.
        """
        number = self.number(name)
        if number is None:
            return None
        if number != int(number) or number < minimum:
            raise invalid(f'Parameter "{name}" must be an integer of {minimum} or more')
        return int(min(number, maximum))

    def moment(self, name: str) -> datetime | None:
        """Return a time, in UTC unless it says otherwise."""
        text = self.text(name)
        if text is None:
            return None
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise invalid(f'Parameter "{name}" must be a date-time in ISO 8601') from None
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
