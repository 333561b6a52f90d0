"""What the account has used in a month: every run and build, for as long as they exist."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from local_apify.world.builds import Build
from local_apify.world.clock import iso
from local_apify.world.cycle import Cycle
from local_apify.world.runs import USD_PER_COMPUTE_UNIT, Run

_COMPUTE = "ACTOR_COMPUTE_UNITS"
_EVENTS = "PAID_ACTORS_PER_EVENT"


@dataclass(frozen=True)
class _Use:
    day: datetime
    service: str
    quantity: float
    usd: float


class Usage:
    """What the runs and builds of a month have used so far.

    :param settles: seconds after which the cost of a run is final.
    """

    def __init__(self, cycle: Cycle, runs: Iterable[Run], builds: Iterable[Build], settles: float) -> None:
        self._cycle = cycle
        self._uses = list(_uses(cycle, list(runs), builds, settles))

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
        days: dict[datetime, list[_Use]] = defaultdict(list)
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


def _uses(cycle: Cycle, runs: list[Run], builds: Iterable[Build], settles: float) -> Iterator[_Use]:
    jobs: tuple[Run | Build, ...] = (*runs, *builds)
    for job in jobs:
        if cycle.start <= job.started_at < cycle.end:
            day = job.started_at.replace(hour=0, minute=0, second=0, microsecond=0)
            units = job.compute_units()
            yield _Use(day, _COMPUTE, units, units * USD_PER_COMPUTE_UNIT)
    for run in runs:
        if cycle.start <= run.started_at < cycle.end and run.charged:
            day = run.started_at.replace(hour=0, minute=0, second=0, microsecond=0)
            events = run.charges(settles)
            yield _Use(day, _EVENTS, sum(events.values()), run.charged_usd(events))


def _by_service(uses: list[_Use]) -> dict[str, Any]:
    services: dict[str, list[_Use]] = defaultdict(list)
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
