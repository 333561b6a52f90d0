"""Items made to fit columns that were chosen, and not read off them. No I/O."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa

from airflow_provider_apify._files.formats.column_types import JSON, ColumnType, ListOf, StructOf
from airflow_provider_apify._files.formats.parquet_columns import JSON_MARK
from airflow_provider_apify._files.formats.parquet_lines import as_text
from airflow_provider_apify.exceptions import ApifyDataError

_ARROW: Mapping[str, pa.DataType] = {
    "string": pa.string(),
    "int64": pa.int64(),
    "int32": pa.int32(),
    "double": pa.float64(),
    "float": pa.float32(),
    "bool": pa.bool_(),
    "timestamp": pa.timestamp("us", tz="UTC"),
    "date": pa.date32(),
    JSON: pa.string(),
}
_EPOCH = date(1970, 1, 1)
_PLACES_SAID = 5
_LARGEST_FLOAT = 3.4028234663852886e38
"""That four bytes hold."""


class _Misfit(Exception):
    """A value is not of its column's type."""


def schema_of(columns: StructOf) -> pa.Schema:
    """Return the schema of a file with these columns; those that hold JSON are marked."""
    return pa.schema([_field(name, kind) for name, kind in columns.fields.items()])


def _field(name: str, kind: ColumnType) -> pa.Field:
    return pa.field(name, _arrow(kind), metadata=JSON_MARK if kind == JSON else None)


def _arrow(kind: ColumnType) -> pa.DataType:
    if isinstance(kind, ListOf):
        return pa.list_(_field("element", kind.item))
    if isinstance(kind, StructOf):
        return pa.struct([_field(name, each) for name, each in kind.fields.items()])
    return _ARROW[kind]


def is_read_by_arrow(kind: ColumnType) -> bool:
    """Tell whether Arrow itself reads such values, and refuses all others: it takes any number for a date."""
    if isinstance(kind, ListOf):
        return is_read_by_arrow(kind.item)
    if isinstance(kind, StructOf):
        return all(map(is_read_by_arrow, kind.fields.values()))
    return kind not in {JSON, "date"}


@dataclass
class Fitting:
    """Makes items fit columns, value by value.

    :param columns: of the table.
    :param nulls_misfits: whether a value that does not fit becomes null; else it is an error.
    :ivar misfits: how many values became null, by their columns.
    """

    columns: StructOf
    nulls_misfits: bool = False
    misfits: Counter[str] = field(default_factory=Counter)

    def fitted(self, item: dict[str, Any], number: int) -> dict[str, Any]:
        """Return an item that Arrow reads.

        :param number: of the item, for errors.
        :raises ApifyDataError: a value does not fit.
        """
        return {name: self._value(item.get(name), kind, name, number) for name, kind in self.columns.fields.items()}

    def in_words(self) -> str:
        """Say how many values became null, and where."""
        places = ", ".join(f"{name} ({count})" for name, count in self.misfits.most_common(_PLACES_SAID))
        more = " and others" if len(self.misfits) > _PLACES_SAID else ""
        return f"{self.misfits.total()} values that do not fit their columns became null: {places}{more}."

    def _value(self, value: Any, kind: ColumnType, place: str, number: int) -> Any:
        if value is None:
            return None
        if isinstance(kind, ListOf) and isinstance(value, list):
            return [self._value(each, kind.item, f"{place}[]", number) for each in value]
        if isinstance(kind, StructOf) and isinstance(value, dict):
            return {
                name: self._value(value.get(name), each, f"{place}.{name}", number)
                for name, each in kind.fields.items()
            }
        try:
            if isinstance(kind, str):
                return _FITS[kind](value)
            raise _Misfit  # noqa: TRY301 - the same end as that of a value
        except _Misfit:
            return self._misfit(value, kind, place, number)

    def _misfit(self, value: Any, kind: ColumnType, place: str, number: int) -> None:
        if not self.nulls_misfits:
            is_a = {bool: "bool", int: "whole number", float: "number", str: "text", list: "list", dict: "object"}
            wanted = {ListOf: "a list", StructOf: "an object"}.get(type(kind), str(kind))
            raise ApifyDataError(
                f"item {number + 1} has a {is_a[type(value)]} in {place!r}, which does not fit its column: {wanted}. "
                "Give that column another type ('json' holds anything), or on_misfit='null'",
            )
        self.misfits[place] += 1


def _of_type(*types: type) -> Callable[[Any], Any]:
    def fit(value: Any) -> Any:
        if type(value) not in types:
            raise _Misfit
        return value

    return fit


def _whole_number(bits: int) -> Callable[[Any], int]:
    def fit(value: Any) -> int:
        limit = 2 ** (bits - 1)
        if type(value) not in {int, float} or not -limit <= value < limit or value != int(value):
            raise _Misfit
        return int(value)

    return fit


def _number(value: Any) -> float:
    try:
        number = float(value) if type(value) in {int, float} else math.nan
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise _Misfit
    return number


def _short_number(value: Any) -> float:
    number = _number(value)
    if abs(number) > _LARGEST_FLOAT:
        raise _Misfit
    return number


def _moment(value: Any) -> datetime:
    """Read a time as ISO 8601 writes it; one without a zone is in UTC."""
    if not isinstance(value, str):
        raise _Misfit
    try:
        moment = datetime.fromisoformat(value.strip())
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise _Misfit from None


def _timestamp(value: Any) -> str:
    return _moment(value).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def _date(value: Any) -> int:
    return (_moment(value).date() - _EPOCH).days


_FITS: Mapping[str, Callable[[Any], Any]] = {
    "string": _of_type(str),
    "int64": _whole_number(64),
    "int32": _whole_number(32),
    "double": _number,
    "float": _short_number,
    "bool": _of_type(bool),
    "timestamp": _timestamp,
    "date": _date,
    JSON: as_text,
}
