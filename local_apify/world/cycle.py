"""The monthly cycle that usage is counted in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from local_apify.world.clock import iso


@dataclass(frozen=True)
class Cycle:
    """A month of the calendar, in UTC."""

    start: datetime
    end: datetime

    def to_json(self) -> dict[str, str]:
        """Write it as the API does."""
        return {"startAt": iso(self.start), "endAt": iso(self.end)}


def cycle_of(moment: datetime) -> Cycle:
    """Return the month that a moment is in."""
    start = moment.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return Cycle(start, start.replace(year=start.year + start.month // 12, month=start.month % 12 + 1))
