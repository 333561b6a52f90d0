"""Starts and adoptions of runs, answered by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_apify._api import endpoints
from airflow_provider_apify._api.answers import Answer
from airflow_provider_apify._api.flows import RetryPolicy
from airflow_provider_apify._api.identity import Identity
from airflow_provider_apify._api.starting import Order, Starter
from airflow_provider_apify.models import ActorRun
from airflow_provider_apify.options import RunOptions, Target
from tests._api.answering import failed, ok

ACTOR = Target("actor", "me/crawler")
ME = Identity("0123456789abcdef0123", rerun=2, attempt=3)
GOING = ("READY", "RUNNING")
ENDING = ("ABORTING", "TIMING-OUT")
NOTHING = ok({"items": []})
UNKNOWN = failed(404, "record-not-found")


def order(**changes: Any) -> Order:
    start = endpoints.start_run(ACTOR, b"{}", RunOptions())
    return Order(**{"target": ACTOR, "start": start, "identity": ME, "search": False, **changes})


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
        flow = Starter(wanted, RetryPolicy(), self.said.append, clock=lambda: clock).run()
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
