"""Cron expressions: which minutes they mean."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

_SHORTHANDS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
_MONTHS = {name: place for place, name in enumerate(re.findall("...", "janfebmaraprmayjunjulaugsepoctnovdec"), 1)}
_DAYS = {"sun": 0, "mon": 1, "tue": 2, "wed": 3, "thu": 4, "fri": 5, "sat": 6}
_NAMES: tuple[dict[str, int], ...] = ({}, {}, {}, _MONTHS, _DAYS)
_SUNDAY = 7
_HORIZON_DAYS = 8 * 366
"""29 February may be 8 years away; a day that does not come until then never comes."""


@dataclass(frozen=True)
class Cron:
    """The minutes, hours, days, months and weekdays of an expression.

    :param any_day: whether the day of the month and that of the week must both match, since one of them is ``*``;
        otherwise one of the two is enough, as in every cron.
    """

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    any_day: bool

    @classmethod
    def parse(cls, expression: str) -> Cron:
        """Read five fields, or a word such as ``@daily``.

        :raises ValueError: it is neither.
        """
        fields = _SHORTHANDS.get(expression.strip().lower(), expression).lower().split()
        if len(fields) != len(_RANGES):
            raise ValueError(f"A cron expression has {len(_RANGES)} fields, unlike {expression!r}.")
        minutes, hours, days, months, weekdays = (
            frozenset(_values(field, *limits, names))
            for field, limits, names in zip(fields, _RANGES, _NAMES, strict=True)
        )
        weekdays = frozenset(day % _SUNDAY for day in weekdays)
        return cls(minutes, hours, days, months, weekdays, any_day=fields[2][0] == "*" or fields[4][0] == "*")

    def next_after(self, moment: datetime, timezone: ZoneInfo) -> datetime | None:
        """Return the next minute that is meant, in UTC; ``None`` if there is none in the next years.

        A minute that a change to summer time skips is left out; one that comes twice is meant once.
        """
        first_day = moment.astimezone(timezone).date()
        for offset in range(_HORIZON_DAYS):
            day = first_day + timedelta(days=offset)
            if day.month not in self.months or not self._is_day(day.day, day.isoweekday() % _SUNDAY):
                continue
            for hour, minute in ((hour, minute) for hour in sorted(self.hours) for minute in sorted(self.minutes)):
                local = datetime(day.year, day.month, day.day, hour, minute, tzinfo=timezone)
                due = local.astimezone(UTC)
                if due > moment and due.astimezone(timezone).hour == hour:
                    return due
        return None

    def _is_day(self, day: int, weekday: int) -> bool:
        matches = (day in self.days, weekday in self.weekdays)
        return all(matches) if self.any_day else any(matches)


def _values(field: str, lowest: int, highest: int, names: dict[str, int]) -> Iterator[int]:
    for part in field.split(","):
        span, _, step = part.partition("/")
        start, _, end = span.partition("-")
        if span == "*":
            first, last = lowest, highest
        else:
            first = _number(start, names)
            last = _number(end, names) if end else highest if step else first
        stride = _number(step, {}) if step else 1
        if not lowest <= first <= last <= highest or stride < 1:
            raise ValueError(f"{part!r} is not within {lowest} to {highest}.")
        yield from range(first, last + 1, stride)


def _number(text: str, names: dict[str, int]) -> int:
    if not (text in names or (text.isascii() and text.isdigit())):
        raise ValueError(f"{text!r} is no number of a cron expression.")
    return names[text] if text in names else int(text)
