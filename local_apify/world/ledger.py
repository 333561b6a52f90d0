"""What the local Apify remembers: every run ever started, every request, every delivery."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from local_apify.world.runs import TERMINAL


@dataclass(frozen=True, kw_only=True)
class LedgerRun:
    """A run that was started, whether or not it still exists.

    :param actor: the Actor's name, ``username/actor-name``.
    :param task: the saved task's name, ``None`` for runs of an Actor.
    :param started_at: as the API writes it, in UTC with a ``Z``.
    :param headers: of the request that started the run, without the token; empty in a slim ledger.
    :param options: the run's options, in the API's words.
    :param input_sha256: of the bytes of the INPUT record, ``None`` for a run without input.
    :param username: whose run it is.
    :param usage_total_usd: what it has cost, in US dollars, as the API knows it by now.
    :param aborted_by_request: whether somebody called the abort endpoint while it was going.
    """

    run_id: str
    actor: str
    actor_id: str
    task: str | None
    started_at: str
    finished_at: str | None
    status: str
    user_agent: str | None
    headers: dict[str, str]
    options: dict[str, Any]
    input_sha256: str | None
    aborted_by_request: bool
    username: str = "local"
    usage_total_usd: float = 0.0

    @property
    def is_going(self) -> bool:
        """Whether the run has not ended."""
        return self.status not in TERMINAL


@dataclass(frozen=True)
class Delivery:
    """One call of a webhook's receiver; ``status`` is ``None`` when there was no answer."""

    dispatch_id: str
    webhook_id: str
    event_type: str
    run_id: str | None
    url: str
    status: int | None
    at: str


@dataclass(frozen=True)
class Ledger:
    """The whole record, as it was when it was asked for.

    :param runs: oldest first.
    :param requests: how many requests came, by ``METHOD /route/template``; faults do not hide them.
    :param items_delivered: how many items were in answers, arrived or not, by dataset id.
    :param deliveries: every call to a webhook's receiver, oldest first.
    """

    runs: list[LedgerRun] = field(default_factory=list)
    requests: dict[str, int] = field(default_factory=dict)
    items_delivered: dict[str, int] = field(default_factory=dict)
    deliveries: list[Delivery] = field(default_factory=list)

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> Ledger:
        """Build the ledger from what ``/control/ledger`` answers."""
        return cls(
            runs=[LedgerRun(**run) for run in body["runs"]],
            requests=body["requests"],
            items_delivered=body["items_delivered"],
            deliveries=[Delivery(**delivery) for delivery in body["deliveries"]],
        )

    @property
    def runs_started(self) -> int:
        """How many runs were ever started."""
        return len(self.runs)

    @property
    def runs_going(self) -> int:
        """How many runs have not ended."""
        return sum(run.is_going for run in self.runs)

    @property
    def usage_total_usd(self) -> float:
        """What all runs have cost, in US dollars."""
        return sum(run.usage_total_usd for run in self.runs)

    @property
    def requests_by_route(self) -> dict[str, int]:
        """How many requests came, by ``METHOD /route/template``."""
        return self.requests

    def of(self, identity: str) -> list[LedgerRun]:
        """Return the runs whose User-Agent has this text in it, oldest first."""
        return [run for run in self.runs if identity in (run.user_agent or "")]

    def duplicates(self, identity: str) -> list[LedgerRun]:
        """Return the runs of an identity beyond its first that nobody aborted: work done, and paid for, twice."""
        kept = [run for run in self.of(identity) if not run.aborted_by_request]
        return kept[1:]
