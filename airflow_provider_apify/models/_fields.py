"""How fields of the API's objects are read: times, amounts of money, and objects of many fields. No I/O."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from decimal import Decimal
from typing import Any, Self

import pendulum

# What every description of a run has, in lists, too, and of nothing else.
_OF_A_RUN = frozenset({"id", "actId", "status", "defaultDatasetId"})


def is_run(data: Mapping[str, Any]) -> bool:
    """Tell whether an object of the API describes a run."""
    return data.keys() >= _OF_A_RUN


def read_time(text: str | None) -> pendulum.DateTime | None:
    """Read a time of the API, in UTC."""
    return pendulum.DateTime.fromisoformat(text).in_timezone("UTC") if text else None


def read_dollars(amount: float | None) -> Decimal | None:
    """Read an amount of the API exactly as it was written."""
    return None if amount is None else Decimal(str(amount))


def read_from(key: str, read: Callable[[Any], Any] = lambda value: value, *, required: bool = False) -> dict[str, Any]:
    """Return the metadata of a dataclass's field: where the API has it.

    :param key: the API's name.
    :param read: makes the field of what is there; of ``None``, where nothing is.
    :param required: whether an object without it is none.
    """
    return {"key": key, "read": read, "required": required}


def keys_of(cls: Any) -> list[str]:
    """Return the API's names of the fields that are declared so."""
    return [each.metadata["key"] for each in fields(cls) if "key" in each.metadata]


def read_fields(cls: Any, data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of such fields by their own names.

    :raises KeyError: a required one is missing.
    """
    declared = {each.name: each.metadata for each in fields(cls) if "key" in each.metadata}
    return {
        name: how["read"](data[how["key"]] if how["required"] else data.get(how["key"]))
        for name, how in declared.items()
    }


def dollars(amount: Decimal | None) -> str:
    """Say an amount as people write it, without an exponent; ``None`` is one that the token may not see."""
    return "unknown" if amount is None else f"{amount:f} US dollars"


class Fields:
    """A part of an object, read from fields of the same names. What the API leaves out is ``None``."""

    @classmethod
    def from_api(cls, data: Mapping[str, Any] | None) -> Self:
        """Read the part's JSON object."""
        values: dict[str, Any] = {}
        for each in fields(cls):  # type: ignore[arg-type] # each part is a dataclass
            value = (data or {}).get(api_name(each.name))
            read = read_time if each.name.endswith("_at") else read_dollars if each.name.endswith("_usd") else None
            values[each.name] = read(value) if read else value
        return cls(**values)


def api_name(name: str) -> str:
    """Return a field's name as the API spells it: ``memory_mbytes`` is ``memoryMbytes``."""
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))
