"""What the account has used in a month: every run, deleted ones too, and the builds there are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from local_apify.world.builds import Build
from local_apify.world.clock import iso
from local_apify.world.cycle import Cycle
from local_apify.world.runs import USD_PER_COMPUTE_UNIT, Run

_COMPUTE = "ACTOR_COMPUTE_UNITS"
_EVENTS = "PAID_ACTORS_PER_EVENT"


@dataclass(frozen=True)
class Use:
    """What a run or build has used of a service, counted on the day of its start."""

    day: datetime
    service: str
    quantity: float
    usd: float


class Usage:
    """What was used in a month so far."""

    def __init__(self, cycle: Cycle, uses: Iterable[Use]) -> None:
        self._cycle = cycle
        self._uses = [use for use in uses if cycle.start <= use.day < cycle.end]

    @property
    def total_usd(self) -> float:
        """What it has cost."""
        return sum(use.usd for use in self._uses)

    @property
    def compute_units(self) -> float:
        """How many compute units there were."""
        return sum(use.quantity for use in self._uses if use.service == _COMPUTE)

    def to_json(self) -> dict[str, Any]:
        """Write the month as the API does."""
        days: dict[datetime, list[Use]] = defaultdict(list)
        for use in self._uses:
            days[use.day].append(use)
        return {
            "usageCycle": self._cycle.to_json(),
            "monthlyServiceUsage": _by_service(self._uses),
            "dailyServiceUsages": [
                {
                    "date": iso(day),
                    "serviceUsage": _by_service(used),
                    "totalUsageCreditsUsd": sum(use.usd for use in used),
                }
                for day, used in sorted(days.items())
            ],
            "totalUsageCreditsUsdBeforeVolumeDiscount": self.total_usd,
            "totalUsageCreditsUsdAfterVolumeDiscount": self.total_usd,
        }


def uses_of(job: Run | Build, settles: float) -> Iterator[Use]:
    """Return what a run or build has used so far.

    :param settles: seconds after which the cost of a run is final.
    """
    day = job.started_at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    units = job.compute_units()
    yield Use(day, _COMPUTE, units, units * USD_PER_COMPUTE_UNIT)
    if isinstance(job, Run) and job.charged:
        events = job.charges(settles)
        yield Use(day, _EVENTS, sum(events.values()), job.charged_usd(events))


def _by_service(uses: list[Use]) -> dict[str, Any]:
    services: dict[str, list[Use]] = defaultdict(list)
    for use in uses:
        services[use.service].append(use)
    return {
        service: {
            "quantity": sum(use.quantity for use in used),
            "baseAmountUsd": sum(use.usd for use in used),
            "amountAfterVolumeDiscountUsd": sum(use.usd for use in used),
            "priceTiers": [],
        }
        for service, used in services.items()
    }
