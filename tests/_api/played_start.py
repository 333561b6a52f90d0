"""Starts and adoptions of runs, answered by hand."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_apify._api.answers import Answer
from airflow_provider_apify._api.flows import Flow
from airflow_provider_apify._api.request import Request
from airflow_provider_apify._api.runs import endpoints
from airflow_provider_apify._api.runs.changing import Changer
from airflow_provider_apify._api.runs.choosing import Decision, OnFailedRun, Terms, decide
from airflow_provider_apify._api.runs.finding import EarlierRuns, Finder, OwnRun, Trace
from airflow_provider_apify._api.runs.identity import Identity
from airflow_provider_apify._api.runs.starting import Capacity, Starter, abort_runs
from airflow_provider_apify.models.runs import SUCCEEDED, ActorRun
from airflow_provider_apify.options import RetryPolicy, RunOptions, Target
from tests._api.answering import failed, ok, one_by_one

ACTOR = Target("actor", "me/crawler")
ME = Identity("0123456789abcdef0123", rerun=2, attempt=3)
GOING = ("READY", "RUNNING")
ENDING = ("ABORTING", "TIMING-OUT")
NOTHING = ok({"items": []})
UNKNOWN = failed(404, "record-not-found")


@dataclass(frozen=True, kw_only=True)
class Order:
    """A run that a task instance wants, and what it knows of its earlier attempts."""

    target: Target = ACTOR
    identity: Identity = ME
    known: Mapping[str, int] = field(default_factory=dict)
    search: bool = False
    quiet: bool = False
    since: float = 0.0
    sent_at: float | None = None
    capacity_until: float = 0.0
    on_failed_run: OnFailedRun = "new"
    accept: Collection[str] = (SUCCEEDED,)
    cost_limit: float | None = None

    @property
    def start(self) -> Request:
        return endpoints.start_run(ACTOR, b"{}", RunOptions())

    @property
    def trace(self) -> Trace:
        return Trace(
            noted=self.known,
            may_have_started=self.search,
            began=self.since,
            since=self.since,
            sent_at=self.sent_at,
            is_quiet=self.quiet,
        )

    @property
    def terms(self) -> Terms:
        return Terms(accept=self.accept, on_failed_run=self.on_failed_run, cost_limit=self.cost_limit)


def order(**changes: Any) -> Order:
    return Order(**changes)


def decided(runs: Iterable[ActorRun], wanted: Order) -> Decision:
    """Choose among runs that are known by their markers."""
    identities = [(run, Identity.parse(run.user_agent)) for run in runs]
    return decide(
        [OwnRun(run, identity.rerun if identity else None) for run, identity in identities],
        wanted.identity.rerun,
        wanted.terms,
    )


def obtain(
    wanted: Order,
    report: Callable[[str], object],
    clock: Callable[[], float],
    starters: Callable[[Starter], object] = lambda _starter: None,
) -> Flow[ActorRun]:
    """Find, choose, and take or start, in the order in which the operator does it."""
    retry, identity = RetryPolicy(), wanted.identity
    finder = Finder(wanted.target, identity, retry, clock=clock)
    earlier = EarlierRuns(wanted.trace, finder, report, accept=wanted.accept, settle=30.0)
    decision = decide((yield from earlier.find()), identity.rerun, wanted.terms)
    yield from abort_runs(decision.abort, retry, report)
    if decision.take is not None and decision.resurrect:
        return (yield from Changer(retry, report, settle=30.0).revive(decision.take, RunOptions(), seen_at=time.time()))
    if decision.take is not None:
        return decision.take
    starter = Starter(
        wanted.start,
        finder,
        retry,
        report,
        accept=wanted.accept,
        capacity=Capacity(wanted.capacity_until),
        clock=clock,
    )
    starters(starter)
    return (yield from starter.start())


def a_run(run_id: str, status: str = "RUNNING", identity: Identity | None = ME, started: str = "10") -> dict[str, Any]:
    agent = f"provider/1 {identity.marker}" if identity else "someone/1"
    return {
        "id": run_id,
        "actId": "act",
        "status": status,
        "startedAt": f"2026-01-01T00:00:{started}.000Z",
        "meta": {"origin": "API", "userAgent": agent},
    }


def run(*args: Any, **kwargs: Any) -> ActorRun:
    return ActorRun.from_api(a_run(*args, **kwargs))


class Played:
    """A start that is answered by hand, and what it asked and said.

    :param unfinished: the runs that have not ended, of which all lists of such runs tell.
    """

    def __init__(
        self,
        wanted: Order,
        answers: list[Answer],
        clock: float = 1_000.0,
        unfinished: Sequence[dict[str, Any]] = (),
    ) -> None:
        self.params: list[Mapping[str, str]] = []
        self.asked: list[str] = []
        self.delays: list[float] = []
        self.agents: list[str] = []
        self.said: list[str] = []
        self.starters: list[Starter] = []
        flow = one_by_one(obtain(wanted, self.said.append, lambda: clock, self.starters.append))
        try:
            request = next(flow)
            for answer in answers:
                while "status" in request.params:
                    request = flow.send(ok({"items": list(unfinished)}))
                self.params.append(request.params)
                self.asked.append(f"{request.method} {request.path.removeprefix('/v2')}")
                self.delays.append(request.delay)
                self.agents.append(request.user_agent)
                request = flow.send(answer)
            while "status" in request.params:
                request = flow.send(ok({"items": list(unfinished)}))
        except StopIteration as done:
            self.run: ActorRun = done.value
            assert len(self.asked) == len(answers), "not all answers were wanted"
        else:
            raise AssertionError(f"the flow wants more: {request}")


START = "POST /actors/me~crawler/runs"
LIST = "GET /actors/me~crawler/runs"
