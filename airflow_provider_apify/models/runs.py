"""What the Apify API returns, as types. The only file that names a run status. No I/O."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from airflow_provider_apify.exceptions import ApifyRunAborted, ApifyRunError, ApifyRunFailed, ApifyRunTimedOut
from airflow_provider_apify.models._fields import keys_of, read_dollars, read_fields, read_from, read_time
from airflow_provider_apify.models.console import Console, is_page
from airflow_provider_apify.models.run_details import RunDetails

if TYPE_CHECKING:
    import pendulum

SUCCEEDED = "SUCCEEDED"
FINISHED_STATUSES = frozenset({SUCCEEDED, "FAILED", "ABORTED", "TIMED-OUT"})
_ENDING_STATUSES = frozenset({"TIMING-OUT", "ABORTING"})
UNFINISHED_STATUSES = ("READY", "RUNNING", *sorted(_ENDING_STATUSES))
STATUSES = FINISHED_STATUSES.union(UNFINISHED_STATUSES)
ORIGINS = frozenset(
    {"DEVELOPMENT", "WEB", "API", "SCHEDULER", "TEST", "WEBHOOK", "ACTOR", "CLI", "CI", "STANDBY", "MCP"},
)


def _counts(counts: Mapping[str, int] | None) -> dict[str, int]:
    return dict(counts or {})


_ERROR_BY_STATUS: Mapping[str, type[ApifyRunError]] = {"ABORTED": ApifyRunAborted, "TIMED-OUT": ApifyRunTimedOut}


@dataclass(frozen=True)
class ActorRun(RunDetails):
    """One run as the API last described it. Costs are preliminary until about 10 seconds after the end.

    Beside the essentials below, every field of the API's object is an attribute: see
    :class:`~airflow_provider_apify.models.run_details.RunDetails`.

    See https://docs.apify.com/api/v2/actor-run-get.

    :param usage_total_usd: US dollars of platform usage; ``None`` where the token may not see them.
    :param charged_event_counts: events charged so far, of Actors paid per event.
    :param raw: the API's whole object.
    """

    id: str = field(metadata=read_from("id", required=True))
    actor_id: str = field(metadata=read_from("actId", required=True))
    actor_task_id: str | None = field(metadata=read_from("actorTaskId"))
    status: str = field(metadata=read_from("status", required=True))
    status_message: str | None = field(metadata=read_from("statusMessage"))
    started_at: pendulum.DateTime | None = field(metadata=read_from("startedAt", read_time))
    finished_at: pendulum.DateTime | None = field(metadata=read_from("finishedAt", read_time))
    build_number: str | None = field(metadata=read_from("buildNumber"))
    exit_code: int | None = field(metadata=read_from("exitCode"))
    dataset_id: str | None = field(metadata=read_from("defaultDatasetId"))
    key_value_store_id: str | None = field(metadata=read_from("defaultKeyValueStoreId"))
    request_queue_id: str | None = field(metadata=read_from("defaultRequestQueueId"))
    usage_total_usd: Decimal | None = field(metadata=read_from("usageTotalUsd", read_dollars))
    charged_event_counts: Mapping[str, int] = field(metadata=read_from("chargedEventCounts", _counts))
    raw: Mapping[str, Any] = field(repr=False, compare=False)

    @classmethod
    def from_api(cls, data: Mapping[str, Any]) -> ActorRun:
        """Read the ``data`` object of ``GET /v2/actor-runs/{runId}``.

        :raises KeyError: it has no ID, no Actor or no status.
        """
        return cls(**read_fields(cls, data), raw=data)

    @property
    def is_finished(self) -> bool:
        """Whether the run is over; a status this version does not know is not."""
        return self.status in FINISHED_STATUSES

    @property
    def is_ending(self) -> bool:
        """Whether the run is being stopped: it goes on for a moment, but no good can come of it."""
        return self.status in _ENDING_STATUSES

    @property
    def is_stopped(self) -> bool:
        """Whether somebody has aborted it, though it may still be tidying up."""
        return self.status in {"ABORTING", "ABORTED"}

    @property
    def is_going(self) -> bool:
        """Whether the run works, or is about to."""
        return not self.is_finished and not self.is_ending

    @property
    def history(self) -> dict[str, int]:
        """How often the run was resurrected, rebooted and turned into another Actor so far, as plain JSON."""
        stats = self.stats
        return {
            "resurrections": stats.resurrect_count or 0,
            "reboots": stats.reboot_count or 0,
            "metamorphs": max(stats.metamorph or 0, len(self.metamorphs)),
        }

    @property
    def user_agent(self) -> str | None:
        """The User-Agent of the request that started the run; lists of runs may lack it."""
        return self.meta.user_agent

    @property
    def console_url(self) -> str:
        """Where a person looks at the run: in Apify Console, or where the connection says."""
        told = self.raw.get("consoleUrl")
        return told if is_page(told) else Console().run(self.id)

    @property
    def console(self) -> Console:
        """Where its storages are looked at, too."""
        base_url, page, _ = self.console_url.partition(Console("").run(self.id))
        return Console(base_url) if page else Console()

    def raise_for_status(self, accept: Collection[str] = (SUCCEEDED,), *, actor: str | None = None) -> None:
        """Raise the matching :class:`ApifyRunError` unless the run ended in one of the ``accept`` statuses.

        :param actor: the name of what was run, where it is known.
        """
        if self.status in accept:
            return
        error = _ERROR_BY_STATUS.get(self.status, ApifyRunFailed)
        words = f": {self.status_message}" if self.status_message else ", without a message from the Actor"
        raise error(
            f"Run {self.id} of {actor or f'Actor {self.actor_id}'} is {self.status}{words} ({self.console_url})",
            **self.details(actor),
        )

    def details(self, actor: str | None = None) -> dict[str, Any]:
        """Return what an :class:`ApifyRunError` tells of the run.

        :param actor: the name of what was run, where it is known.
        """
        told = self.to_dict()
        return {
            "actor": actor or self.actor_id,
            **{name: told[name] for name in ("run_id", "run_url", "status", "usage_total_usd")},
        }

    def to_dict(self) -> dict[str, Any]:
        """Return what downstream tasks need, as plain JSON: ids, status, times (ISO 8601, UTC), cost, links."""
        return {
            "run_id": self.id,
            "actor_id": self.actor_id,
            "actor_task_id": self.actor_task_id,
            "status": self.status,
            "status_message": self.status_message,
            "started_at": self.started_at and self.started_at.isoformat(),
            "finished_at": self.finished_at and self.finished_at.isoformat(),
            "build_number": self.build_number,
            "exit_code": self.exit_code,
            "dataset_id": self.dataset_id,
            "key_value_store_id": self.key_value_store_id,
            "request_queue_id": self.request_queue_id,
            "usage_total_usd": None if self.usage_total_usd is None else float(self.usage_total_usd),
            "charged_event_counts": dict(self.charged_event_counts),
            "console_url": self.console_url,
            "run_url": self.console_url,
        }


@dataclass(frozen=True)
class RunEvent:
    """What a trigger tells the task it wakes: the run, and what came before its end, the deadline or the cost limit."""

    run: ActorRun
    deadline_passed: bool = False
    cost_limit_passed: bool = False

    def to_payload(self) -> dict[str, Any]:
        """Return plain JSON types, because the event crosses the metadata database."""
        return {
            "run": _essentials(self.run.raw),
            "deadline_passed": self.deadline_passed,
            "cost_limit_passed": self.cost_limit_passed,
        }

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any]) -> RunEvent:
        """Rebuild the event; a missing key is a ``KeyError``."""
        return cls(
            run=ActorRun.from_api(payload["run"]),
            deadline_passed=payload["deadline_passed"],
            cost_limit_passed=payload["cost_limit_passed"],
        )


# What properties of a run read of its parts.
_EVENT_PARTS: Mapping[str, tuple[str, ...]] = {
    "meta": ("origin", "userAgent"),
    "options": ("maxTotalChargeUsd",),
    "stats": ("resurrectCount", "rebootCount", "metamorph"),
}


def _essentials(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Keep of a run what :class:`ActorRun` reads, so that the database carries a small row."""
    kept = {key: raw[key] for key in (*keys_of(ActorRun), "metamorphs", "consoleUrl") if key in raw}
    parts = {
        part: {key: raw[part][key] for key in keys if key in raw[part]}
        for part, keys in _EVENT_PARTS.items()
        if raw.get(part)
    }
    return kept | parts
