"""How fields of the API's objects are read: times, amounts of money, and objects of many fields. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from decimal import Decimal
from typing import Any, Self

import pendulum


def read_time(text: str | None) -> pendulum.DateTime | None:
    """Read a time of the API, in UTC."""
    return pendulum.DateTime.fromisoformat(text).in_timezone("UTC") if text else None


def read_dollars(amount: float | None) -> Decimal | None:
    """Read an amount of the API exactly as it was written."""
    return None if amount is None else Decimal(str(amount))


def dollars(amount: Decimal | None) -> str:
    """Say an amount as people write it, without an exponent; ``None`` is one that the token may not see."""
    return "unknown" if amount is None else f"{amount:f} US dollars"


class Part:
    """A part of an object, read from fields of the same names. What the API leaves out is ``None``."""

    @classmethod
    def from_api(cls, data: Mapping[str, Any] | None) -> Self:
        """Read the part's JSON object."""
        values: dict[str, Any] = {}
        for field in fields(cls):  # type: ignore[arg-type] # each part is a dataclass
            value = (data or {}).get(api_name(field.name))
            read = read_time if field.name.endswith("_at") else read_dollars if field.name.endswith("_usd") else None
            values[field.name] = read(value) if read else value
        return cls(**values)


def api_name(name: str) -> str:
    """Return a field's name as the API spells it: ``memory_mbytes`` is ``memoryMbytes``."""
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))
