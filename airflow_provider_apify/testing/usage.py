"""What the account has used in a month: every run and build, for as long as they exist."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_apify.testing.builds import Build
from airflow_provider_apify.testing.clock import iso
from airflow_provider_apify.testing.runs import USD_PER_COMPUTE_UNIT, Run

if TYPE_CHECKING:
    from airflow_provider_apify.testing.world import World

_COMPUTE = "ACTOR_COMPUTE_UNITS"
_EVENTS = "PAID_ACTORS_PER_EVENT"


@dataclass(frozen=True)
class Cycle:
    """A month of the calendar, in UTC."""

    start: datetime
    end: datetime

    def to_json(self) -> dict[str, str]:
        """Write it as the API does."""
        return {"startAt": iso(self.start), "endAt": iso(self.end)}


@dataclass(frozen=True)
class _Use:
    day: datetime
    service: str
    quantity: float
    usd: float


def cycle_of(moment: datetime) -> Cycle:
    """Return the month that a moment is in."""
    start = moment.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return Cycle(start, start.replace(year=start.year + start.month // 12, month=start.month % 12 + 1))


def total_usd(world: World, cycle: Cycle) -> float:
    """Return what a month has cost so far."""
    return sum(use.usd for use in _uses(world, cycle))


def compute_units(world: World, cycle: Cycle) -> float:
    """Return how many compute units the runs and builds of a month have used so far."""
    return sum(use.quantity for use in _uses(world, cycle) if use.service == _COMPUTE)


def _uses(world: World, cycle: Cycle) -> Iterator[_Use]:
    settles = world.settings.cost_settles_seconds
    builds = (build for build in world.builds.all.values() if build.actor.username == world.user.username)
    jobs: tuple[Run | Build, ...] = (*world.runs.values(), *builds)
    for job in jobs:
        if cycle.start <= job.started_at < cycle.end:
            day = job.started_at.replace(hour=0, minute=0, second=0, microsecond=0)
            units = job.compute_units()
            yield _Use(day, _COMPUTE, units, units * USD_PER_COMPUTE_UNIT)
    for run in world.runs.values():
        if cycle.start <= run.started_at < cycle.end and run.charged:
            day = run.started_at.replace(hour=0, minute=0, second=0, microsecond=0)
            events = run.charges(settles)
            yield _Use(day, _EVENTS, sum(events.values()), run.charged_usd(events))


def monthly_shape(world: World, cycle: Cycle) -> dict[str, Any]:
    """Write a month as the API does."""
    uses = list(_uses(world, cycle))
    days: dict[datetime, list[_Use]] = defaultdict(list)
    for use in uses:
        days[use.day].append(use)
    total = sum(use.usd for use in uses)
    return {
        "usageCycle": cycle.to_json(),
        "monthlyServiceUsage": _by_service(uses),
        "dailyServiceUsages": [
            {
                "date": iso(day),
                "serviceUsage": _by_service(used),
                "totalUsageCreditsUsd": sum(use.usd for use in used),
            }
            for day, used in sorted(days.items())
        ],
        "totalUsageCreditsUsdBeforeVolumeDiscount": total,
        "totalUsageCreditsUsdAfterVolumeDiscount": total,
    }


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
