"""What the Apify API says of an account: its limits, how much of them is used, and what that costs. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from airflow_provider_apify.models._fields import Fields

if TYPE_CHECKING:
    import pendulum

_MBYTES_PER_GBYTE = 1024


@dataclass(frozen=True)
class Room:
    """How much more an account may do at once and this month; or how much somebody needs.

    :param memory: megabytes for runs and builds.
    :param run_slots: runs and builds at the same time.
    :param budget_usd: US dollars of the month's usage.
    """

    memory: int = 0
    run_slots: int = 0
    budget_usd: Decimal = Decimal(0)

    def is_enough_for(self, needed: Room) -> bool:
        """Tell whether nothing of what is needed is missing. Nothing is missing of what is not needed."""
        pairs: tuple[tuple[Decimal | int, Decimal | int], ...] = (
            (self.memory, needed.memory),
            (self.run_slots, needed.run_slots),
            (self.budget_usd, needed.budget_usd),
        )
        return all(there >= wanted for there, wanted in pairs if wanted)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types; dollars as text, so that they stay exact."""
        return {**asdict(self), "budget_usd": str(self.budget_usd)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Room:
        """Rebuild what :meth:`to_dict` has made."""
        return cls(values["memory"], values["run_slots"], Decimal(values["budget_usd"]))

    def __str__(self) -> str:
        """Return it in words."""
        return f"{self.memory:,} MB of memory, {self.run_slots:,} run slots, {self.budget_usd} US dollars of budget"


@dataclass(frozen=True)
class UsageCycle(Fields):
    """The month that limits and usage are counted in; it need not begin with a calendar month."""

    start_at: pendulum.DateTime
    end_at: pendulum.DateTime


@dataclass(frozen=True)
class Limits(Fields):
    """What an account may use: at once, where the name does not say monthly."""

    max_monthly_usage_usd: Decimal
    max_monthly_actor_compute_units: float
    max_monthly_external_data_transfer_gbytes: float
    max_monthly_proxy_serps: int
    max_monthly_residential_proxy_gbytes: float
    max_actor_memory_gbytes: float
    max_actor_count: int
    max_actor_task_count: int
    max_concurrent_actor_jobs: int
    max_team_account_seat_count: int
    max_schedule_count: int | None
    data_retention_days: int


@dataclass(frozen=True)
class CurrentUsage(Fields):
    """What an account uses of its :class:`Limits` now, or has used this month."""

    monthly_usage_usd: Decimal
    monthly_actor_compute_units: float
    monthly_external_data_transfer_gbytes: float
    monthly_proxy_serps: int
    monthly_residential_proxy_gbytes: float
    actor_memory_gbytes: float
    actor_count: int
    actor_task_count: int
    active_actor_job_count: int
    team_account_seat_count: int
    schedule_count: int | None


@dataclass(frozen=True)
class AccountLimits:
    """The limits of an account, and how much of them is used.

    See https://docs.apify.com/api/v2/users-me-limits-get.

    :param raw: the API's whole object.
    """

    cycle: UsageCycle
    limits: Limits
    current: CurrentUsage
    raw: Mapping[str, Any] = field(repr=False, compare=False)

    @classmethod
    def from_api(cls, data: Mapping[str, Any]) -> AccountLimits:
        """Read the ``data`` object of ``GET /v2/users/me/limits``."""
        return cls(
            cycle=UsageCycle.from_api(data["monthlyUsageCycle"]),
            limits=Limits.from_api(data["limits"]),
            current=CurrentUsage.from_api(data["current"]),
            raw=data,
        )

    @property
    def whole(self) -> Room:
        """The room of the account while it does nothing, at the beginning of a month."""
        limits = self.limits
        memory = int(limits.max_actor_memory_gbytes * _MBYTES_PER_GBYTE)
        return Room(memory, limits.max_concurrent_actor_jobs, limits.max_monthly_usage_usd)

    @property
    def room(self) -> Room:
        """The room that is left; below zero where a limit was lowered meanwhile."""
        whole, current = self.whole, self.current
        return Room(
            memory=int(whole.memory - current.actor_memory_gbytes * _MBYTES_PER_GBYTE),
            run_slots=whole.run_slots - current.active_actor_job_count,
            budget_usd=whole.budget_usd - current.monthly_usage_usd,
        )


@dataclass(frozen=True)
class UsageItem(Fields):
    """How much was used of a service, in its own unit, and what that costs in US dollars."""

    quantity: float
    base_amount_usd: Decimal
    base_unit_price_usd: Decimal | None
    amount_after_volume_discount_usd: Decimal | None


@dataclass(frozen=True)
class DailyUsage:
    """The usage of one day.

    :param date: for example ``"2026-06-14"``, as Apify writes it.
    """

    date: str
    services: Mapping[str, UsageItem]
    total_usd: Decimal

    @classmethod
    def from_api(cls, data: Mapping[str, Any]) -> DailyUsage:
        """Read an item of ``dailyServiceUsages``."""
        return cls(data["date"], _services(data["serviceUsage"]), Decimal(str(data["totalUsageCreditsUsd"])))


@dataclass(frozen=True)
class MonthlyUsage:
    """What an account has used in a month.

    See https://docs.apify.com/api/v2/users-me-usage-monthly-get.

    :param services: by Apify's names, for example ``"ACTOR_COMPUTE_UNITS"``.
    :param total_usd: US dollars after volume discount; ``total_before_discount_usd`` before.
    :param raw: the API's whole object.
    """

    cycle: UsageCycle
    services: Mapping[str, UsageItem]
    days: tuple[DailyUsage, ...]
    total_before_discount_usd: Decimal
    total_usd: Decimal
    raw: Mapping[str, Any] = field(repr=False, compare=False)

    @classmethod
    def from_api(cls, data: Mapping[str, Any]) -> MonthlyUsage:
        """Read the ``data`` object of ``GET /v2/users/me/usage/monthly``."""
        return cls(
            cycle=UsageCycle.from_api(data["usageCycle"]),
            services=_services(data["monthlyServiceUsage"]),
            days=tuple(map(DailyUsage.from_api, data["dailyServiceUsages"])),
            total_before_discount_usd=Decimal(str(data["totalUsageCreditsUsdBeforeVolumeDiscount"])),
            total_usd=Decimal(str(data["totalUsageCreditsUsdAfterVolumeDiscount"])),
            raw=data,
        )


def _services(data: Mapping[str, Any]) -> Mapping[str, UsageItem]:
    return {name: UsageItem.from_api(item) for name, item in data.items()}
