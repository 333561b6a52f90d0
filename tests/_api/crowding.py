"""Waiters of one account in one event loop, before an account that answers by hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_provider_apify._api import crowds
from airflow_provider_apify._api.answers import Answer
from airflow_provider_apify._api.crowds import crowd_of
from airflow_provider_apify._api.driving import drive_async
from airflow_provider_apify._api.request import Request
from airflow_provider_apify._api.runs import waiting as waits
from airflow_provider_apify._api.runs.waiting import Waiting, wait_for_run
from airflow_provider_apify._api.sessions import shared_session
from airflow_provider_apify._api.transports import Access
from airflow_provider_apify.models.runs import RunEvent
from airflow_provider_apify.options import RetryPolicy
from tests._api.answering import failed, ok, run_data

if TYPE_CHECKING:
    import pytest

ACCESS = Access(base_url="https://apify.test", token="apify_api_never_shown", user_agent="tests")
LIST = "/v2/actor-runs"
QUICK = RetryPolicy(attempts=3, first_delay=0.001, max_delay=0.002, patient_attempts=3)
LOOKS = 2_000
FULL_WAIT = "60"


def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let four be a crowd, and pauses be short."""
    monkeypatch.setattr(crowds, "_MOST_ALONE", 3)
    for name in ("_POLL_SECONDS", "_PAGE_SECONDS", "_WAKING_SECONDS"):
        monkeypatch.setattr(crowds, name, 0.005)
    monkeypatch.setattr(crowds, "RetryPolicy", lambda: QUICK)
    monkeypatch.setattr(waits, "_PAUSE_SECONDS", 0.005)
    monkeypatch.setattr(waits, "REPLICA_LAG_SECONDS", 0.005)


class Account:
    """An Apify account in memory.

    :ivar going: what each run that goes on has cost; the others have succeeded.
    :ivar unlisted: runs that its list lacks.
    :ivar stale: runs that its list shows as going whatever has become of them.
    :ivar refusals: what the list answers instead, if anything.
    :ivar asked: all requests.
    """

    def __init__(self, count: int) -> None:
        self.run_ids = [f"run{number}" for number in range(count)]
        self.going: dict[str, float] = dict.fromkeys(self.run_ids, 0.0)
        self.unlisted: set[str] = set()
        self.stale: set[str] = set()
        self.refusals: list[Answer] = []
        self.asked: list[Request] = []
        self._changed = asyncio.Event()

    def end(self, *run_ids: str) -> None:
        for run_id in run_ids:
            del self.going[run_id]
        self._changed.set()
        self._changed = asyncio.Event()

    async def send(self, request: Request) -> Answer:
        self.asked.append(request)
        await asyncio.sleep(0)
        return self._list() if request.path == LIST else await self._run(request)

    def _list(self) -> Answer:
        if self.refusals:
            return self.refusals[0] if len(self.refusals) == 1 else self.refusals.pop(0)
        shown = (self.going.keys() | self.stale) - self.unlisted
        return ok(
            {"items": [{"id": each, "status": "RUNNING", "usageTotalUsd": self.going.get(each)} for each in shown]}
        )

    async def _run(self, request: Request) -> Answer:
        run_id = request.path.rpartition("/")[2]
        if run_id not in self.run_ids:
            return failed(404, "record-not-found")
        with suppress(TimeoutError):
            async with asyncio.timeout(int(request.params.get("waitForFinish", 0)) / 1_000):
                while run_id in self.going:
                    await self._changed.wait()
        status = "RUNNING" if run_id in self.going else "SUCCEEDED"
        return ok(run_data(status, id=run_id, usageTotalUsd=self.going.get(run_id, 1.0)))

    @property
    def lists(self) -> int:
        return sum(request.path == LIST for request in self.asked)

    def looks(self, run_id: str) -> list[str | None]:
        """Return how long the server was to wait each time that a run was asked for."""
        return [each.params.get("waitForFinish") for each in self.asked if each.path == f"{LIST}/{run_id}"]


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(LOOKS):
        if condition():
            return
        await asyncio.sleep(0.002)
    raise TimeoutError


async def wait(account: Account, run_id: str, access: Access = ACCESS, **waiting: Any) -> RunEvent:
    """Wait for a run as a trigger does."""
    log = waiting.pop("log", None)
    waiting.setdefault("first_delay", 0.05)  # as triggers, so that each sees how many there are
    async with shared_session(), crowd_of(access) as crowd:
        flow = wait_for_run(run_id, QUICK, Waiting(**waiting), log=log)
        return await drive_async(flow, partial(crowd.send, account.send))


@asynccontextmanager
async def waiters(account: Account, **waiting: Any) -> AsyncIterator[dict[str, asyncio.Task[RunEvent]]]:
    """Have each run of an account waited for; all join the crowd in the same instant."""
    async with shared_session():
        tasks = {run_id: asyncio.create_task(wait(account, run_id, **waiting)) for run_id in account.run_ids}
        try:
            yield tasks
        finally:
            for task in tasks.values():
                task.cancel()
            await asyncio.wait(tasks.values())


def crowd() -> crowds.Crowd:
    """Return the only crowd there is."""
    (found,) = crowds._crowds[asyncio.get_running_loop()].values()
    return found
