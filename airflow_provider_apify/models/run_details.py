"""What the Apify API says of a run beyond its essentials, as types. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from airflow_provider_apify.models._fields import Fields

if TYPE_CHECKING:
    import pendulum


@dataclass(frozen=True)
class RunMeta(Fields):
    """How a run was started.

    :param origin: ``"API"``, ``"SCHEDULER"``, ``"WEB"``, ...
    """

    origin: str | None
    client_ip: str | None
    user_agent: str | None
    schedule_id: str | None
    scheduled_at: pendulum.DateTime | None


@dataclass(frozen=True)
class RunStats(Fields):
    """What a run did with the machine: bytes, milliseconds and seconds by their names, CPU in percent of one core.

    :param metamorph: how often it was turned into another Actor.
    """

    input_body_len: int | None
    migration_count: int | None
    reboot_count: int | None
    restart_count: int | None
    resurrect_count: int | None
    mem_avg_bytes: float | None
    mem_max_bytes: int | None
    mem_current_bytes: int | None
    cpu_avg_usage: float | None
    cpu_max_usage: float | None
    cpu_current_usage: float | None
    net_rx_bytes: int | None
    net_tx_bytes: int | None
    duration_millis: int | None
    run_time_secs: float | None
    metamorph: int | None
    compute_units: float | None


@dataclass(frozen=True)
class RunSettings(Fields):
    """The options that a run has: seconds, megabytes, US dollars."""

    build: str | None
    timeout_secs: int | None
    memory_mbytes: int | None
    disk_mbytes: int | None
    max_items: int | None
    max_total_charge_usd: Decimal | None


@dataclass(frozen=True)
class Pricing(Fields):
    """How the Actor is paid for.

    :param pricing_model: ``"PAY_PER_EVENT"``, ``"PRICE_PER_DATASET_ITEM"``, ``"FLAT_PRICE_PER_MONTH"`` or ``"FREE"``.
    :param pricing_per_event: with ``"PAY_PER_EVENT"``: each event's title, description and price, as the API has it.
    :param price_per_unit_usd: with a price per item or month.
    """

    pricing_model: str | None
    apify_margin_percentage: float | None
    created_at: pendulum.DateTime | None
    started_at: pendulum.DateTime | None
    notified_about_future_change_at: pendulum.DateTime | None
    notified_about_change_at: pendulum.DateTime | None
    reason_for_change: str | None
    pricing_per_event: Mapping[str, Any] | None
    minimal_max_total_charge_usd: Decimal | None
    price_per_unit_usd: Decimal | None
    unit_name: str | None
    trial_minutes: int | None


@dataclass(frozen=True)
class Metamorph(Fields):
    """The run was turned into another Actor."""

    created_at: pendulum.DateTime | None
    actor_id: str | None
    build_id: str | None
    input_key: str | None


class RunDetails:
    """The rest of a run, read from the API's object when it is asked for.

    An object that is not whole (from a list, or carried by a trigger's event) lacks some: those are ``None`` or empty.
    """

    raw: Mapping[str, Any]

    @property
    def user_id(self) -> str | None:
        """Who started it."""
        return self.raw.get("userId")

    @property
    def is_status_message_terminal(self) -> bool | None:
        """Whether the status message is the last one."""
        return self.raw.get("isStatusMessageTerminal")

    @property
    def meta(self) -> RunMeta:
        """How it was started."""
        return RunMeta.from_api(self.raw.get("meta"))

    @property
    def pricing_info(self) -> Pricing:
        """How the Actor is paid for."""
        return Pricing.from_api(self.raw.get("pricingInfo"))

    @property
    def stats(self) -> RunStats:
        """What it did with the machine, until now."""
        return RunStats.from_api(self.raw.get("stats"))

    @property
    def options(self) -> RunSettings:
        """The options it has, given or not."""
        return RunSettings.from_api(self.raw.get("options"))

    @property
    def build_id(self) -> str | None:
        """Its build."""
        return self.raw.get("buildId")

    @property
    def general_access(self) -> str | None:
        """Who may see it: ``"RESTRICTED"``, ``"ANYONE_WITH_ID_CAN_READ"``, ``"FOLLOW_USER_SETTING"``."""
        return self.raw.get("generalAccess")

    @property
    def storage_ids(self) -> Mapping[str, Mapping[str, str]]:
        """IDs of its ``"datasets"``, ``"keyValueStores"`` and ``"requestQueues"``, by their names in the Actor."""
        return self.raw.get("storageIds") or {}

    @property
    def container_url(self) -> str | None:
        """Where its web server answers, if it has one."""
        return self.raw.get("containerUrl")

    @property
    def is_container_server_ready(self) -> bool | None:
        """Whether its web server answers."""
        return self.raw.get("isContainerServerReady")

    @property
    def git_branch_name(self) -> str | None:
        """The branch its build was made from."""
        return self.raw.get("gitBranchName")

    @property
    def usage(self) -> Mapping[str, Decimal]:
        """How much it has used, by the API's names, for example ``"ACTOR_COMPUTE_UNITS"``."""
        return _amounts(self.raw.get("usage"))

    @property
    def usage_usd(self) -> Mapping[str, Decimal]:
        """What that costs in US dollars, by the same names."""
        return _amounts(self.raw.get("usageUsd"))

    @property
    def metamorphs(self) -> tuple[Metamorph, ...]:
        """What it was turned into, oldest first."""
        return tuple(map(Metamorph.from_api, self.raw.get("metamorphs") or ()))


def _amounts(data: Mapping[str, float | None] | None) -> Mapping[str, Decimal]:
    return {name: Decimal(str(amount)) for name, amount in (data or {}).items() if amount is not None}
