"""Many waiters of one account in one event loop, before an account that answers by hand."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

import pytest

from airflow_provider_apify._api import crowds, sessions
from airflow_provider_apify._api.answers import Answer, Response
from airflow_provider_apify._api.crowds import crowd_of
from airflow_provider_apify._api.request import Request
from airflow_provider_apify._api.runs import waiting as waits
from airflow_provider_apify._api.runs.showing import LogShower
from airflow_provider_apify._api.runs.waiting import Waiting, wait_for_run
from airflow_provider_apify._api.sessions import shared_session
from airflow_provider_apify._api.transports import Access, drive_async
from airflow_provider_apify.exceptions import ApifyAuthError
from airflow_provider_apify.models.runs import RunEvent
from airflow_provider_apify.options import RetryPolicy
from tests._api.answering import LOST, failed, ok, run_data

ACCESS = Access(base_url="https://apify.test", token="apify_api_never_shown", user_agent="tests")
LIST = "/v2/actor-runs"
QUICK = RetryPolicy(attempts=3, first_delay=0.001, max_delay=0.002, patient_attempts=3)
LOOKS = 2_000
FULL_WAIT = "60"


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crowds, "_MOST_ALONE", 3)
    for name in ("_POLL_SECONDS", "_PAGE_SECONDS", "_WAKING_SECONDS", "_SPREAD_SECONDS", "_CALM_SECONDS"):
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


async def test_a_few_waiters_long_poll_each_for_its_own_run() -> None:
    account = Account(3)
    async with waiters(account) as tasks:
        await until(lambda: len(account.asked) >= 3)
        account.end("run1")
        assert (await tasks["run1"]).run.is_finished
    assert account.lists == 0
    assert {each for run_id in account.run_ids for each in account.looks(run_id)} == {FULL_WAIT}


async def test_many_waiters_share_one_list_and_each_hears_of_its_own_run() -> None:
    account = Account(40)
    async with waiters(account) as tasks:
        await until(lambda: account.lists >= 3)
        assert [run_id for run_id in account.run_ids if account.looks(run_id)] == []
        account.end("run7")
        assert (await tasks["run7"]).run.id == "run7"
        account.end(*account.going)
        events = await asyncio.gather(*tasks.values())
    assert [event.run.id for event in events] == account.run_ids
    assert Counter(len(account.looks(run_id)) for run_id in account.run_ids) == {1: 40}


async def test_two_waiters_for_the_same_run_both_hear_of_it() -> None:
    account = Account(5)
    async with waiters(account) as tasks, waiters(account) as others:
        await until(lambda: account.lists >= 1)
        account.end("run0")
        assert (await tasks["run0"]).run == (await others["run0"]).run


async def test_the_file_limit_decides_how_many_long_poll(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crowds, "_MOST_ALONE", 1_000)
    monkeypatch.setattr(sessions, "_most_connections", lambda: 4)
    account = Account(5)
    async with waiters(account):
        await until(lambda: account.lists >= 1)
        assert sessions.connection_share() == 1  # who listens to the list needs no connection
    few = Account(4)
    async with waiters(few):
        await until(lambda: len(few.asked) >= 4)
    assert few.lists == 0


async def test_a_run_that_the_list_lacks_is_asked_for_and_goes_on_by_its_own_answer() -> None:
    account = Account(5)
    account.unlisted = {"run2"}
    async with waiters(account) as tasks:
        await until(lambda: len(account.looks("run2")) >= 3)
        assert not tasks["run2"].done()
        assert set(account.looks("run2")) == {FULL_WAIT}  # not as often as the list
        assert account.looks("run1") == []
        account.end("run2")
        assert (await tasks["run2"]).run.is_finished


async def test_a_list_that_says_nothing_at_all_costs_no_more_than_long_polls() -> None:
    account = Account(5)
    account.unlisted = set(account.run_ids)
    async with waiters(account) as tasks:
        await until(lambda: all(len(account.looks(run_id)) >= 2 for run_id in account.run_ids))
        assert not any(task.done() for task in tasks.values())
    assert {each for run_id in account.run_ids for each in account.looks(run_id)} == {FULL_WAIT}


async def test_an_end_that_the_list_hides_is_found_by_looking_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    account = Account(5)
    account.stale = {"run3"}
    async with waiters(account) as tasks:
        await until(lambda: account.lists >= 1)
        account.end("run3")
        lists = account.lists
        await until(lambda: account.lists >= lists + 3)
        assert account.looks("run3") == []
    monkeypatch.setattr(crowds, "_LONGEST_SECONDS", 0.02)
    monkeypatch.setattr(crowds, "_MOST_A_MINUTE", 1_000_000)
    async with waiters(account) as tasks:
        assert (await tasks["run3"]).run.is_finished
        await until(lambda: len(account.looks("run1")) >= 2)
    assert set(account.looks("run1")) == {"1"}  # what the list shows needs no server that waits


async def test_the_more_wait_the_less_often_each_is_asked_for_though_it_is_listed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    limits: list[float | None] = []
    plain = asyncio.wait

    async def noting(futures: Any, **arguments: Any) -> Any:
        limits.append(arguments.get("timeout"))
        return await plain(futures, **arguments)

    monkeypatch.setattr(asyncio, "wait", noting)
    monkeypatch.setattr(crowds, "_MOST_A_MINUTE", 0.01)
    account = Account(5)
    async with waiters(account):
        await until(lambda: len(list(filter(None, limits))) == 5)
    assert all(15_000 <= limit <= 45_000 for limit in limits if limit is not None)


async def test_a_finished_run_that_is_resurrected_meanwhile_goes_on() -> None:
    account = Account(5)
    account.unlisted = {"run0"}  # as one that had ended
    async with waiters(account) as tasks:
        await until(lambda: len(account.looks("run0")) >= 1)
        account.unlisted = set()
        await until(lambda: len(crowd()._listeners) == 5)
        assert not tasks["run0"].done()


async def test_an_id_that_no_run_has_is_an_error() -> None:
    account = Account(5)
    account.run_ids.append("never")
    async with waiters(account) as tasks:
        account.run_ids.remove("never")
        with pytest.raises(Exception, match="record-not-found"):
            await tasks["never"]
        assert not tasks["run0"].done()


async def test_a_deadline_ends_the_wait_by_the_run_s_own_answer() -> None:
    account = Account(5)
    async with waiters(account, deadline=time.time() + 0.1) as tasks:
        events = await asyncio.gather(*tasks.values())
    assert [(event.deadline_passed, event.run.status) for event in events] == [(True, "RUNNING")] * 5
    assert account.looks("run0")[-1] == "1"


async def test_a_run_that_has_become_too_expensive_is_seen_on_the_list() -> None:
    account = Account(5)
    async with waiters(account, cost_limit=2.5) as tasks:
        await until(lambda: account.lists >= 1)
        account.going["run1"] = 2.6
        assert (await tasks["run1"]).cost_limit_passed
    assert account.looks("run1") == ["1"]  # at once, though it goes on
    assert account.looks("run0") == []


async def test_where_the_list_tells_no_costs_a_run_with_a_limit_is_asked_for_itself() -> None:
    account = Account(5)
    account.stale = {"run4"}
    async with waiters(account, cost_limit=2.5) as tasks:
        del account.going["run4"]  # the list shows it, without its costs
        assert (await tasks["run4"]).run.is_finished


@pytest.mark.parametrize("how", [{"poll_interval": 0.01}, {"log": LogShower(lambda _line: None)}], ids=["poll", "log"])
async def test_who_asks_at_fixed_times_or_shows_a_log_asks_as_ever(how: dict[str, Any]) -> None:
    account = Account(5)
    async with waiters(account, **how):
        await until(lambda: all(len(account.looks(run_id)) >= 2 for run_id in account.run_ids))
    assert account.lists == 0


REFUSALS: dict[str, list[Answer]] = {
    "forbidden": [failed(403, "insufficient-permissions")],
    "failing": [failed(500)],
    "lost": [LOST],
    "no list": [ok({})],
    "page of a proxy": [Response(200, {}, b"<html>")],
}


@pytest.mark.parametrize("refusals", REFUSALS.values(), ids=REFUSALS)
async def test_where_the_list_cannot_be_had_all_long_poll_and_the_log_says_it_once(
    refusals: list[Answer], caplog: pytest.LogCaptureFixture
) -> None:
    account = Account(5)
    account.refusals = refusals
    with caplog.at_level(logging.WARNING, "airflow_provider_apify._api.crowds"):
        async with waiters(account) as tasks:
            await until(lambda: all(len(account.looks(run_id)) >= 3 for run_id in account.run_ids))
            lists = account.lists
            account.end(*account.run_ids)
            await asyncio.gather(*tasks.values())
    assert account.lists == lists <= QUICK.attempts
    assert {each for run_id in account.run_ids for each in account.looks(run_id)} == {FULL_WAIT}
    (line,) = (record.getMessage() for record in caplog.records)
    assert "each of 5 waiters asks for its own run" in line
    assert ACCESS.token not in line


async def test_a_list_that_is_too_long_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def too_long(*_: Any) -> None:
        """Say that it is."""

    monkeypatch.setattr(crowds, "drive_async", too_long)
    account = Account(5)
    async with waiters(account):
        await until(lambda: all(len(account.looks(run_id)) >= 1 for run_id in account.run_ids))
    assert "It is too long" in caplog.text


async def test_after_its_rest_the_list_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crowds, "_REST_SECONDS", 0.01)
    account = Account(5)
    account.refusals = [failed(403, "insufficient-permissions")]
    async with waiters(account):
        await until(lambda: account.lists >= 2)
        account.refusals = []
        await until(lambda: len(crowd()._listeners) == 5)


async def test_one_refused_request_slows_all_waiters_of_the_account(monkeypatch: pytest.MonkeyPatch) -> None:
    account = Account(3)
    refused = 0

    async def send(request: Request) -> Answer:
        nonlocal refused
        if request.path.endswith("run0") and not refused:
            refused += 1
            return Response(429, {"retry-after": "30"}, failed(429, "rate-limit-exceeded").body)
        return await Account.send(account, request)

    monkeypatch.setattr(account, "send", send)
    slept: list[float] = []
    plain = asyncio.sleep

    async def noting(seconds: float) -> None:
        slept.append(seconds)
        await plain(0 if seconds > 1 else seconds)

    async with waiters(account):
        monkeypatch.setattr(asyncio, "sleep", noting)
        await until(lambda: sum(seconds > 20 for seconds in slept) >= 30)
        asked = len(account.asked)
        await until(lambda: sum(seconds > 20 for seconds in slept) >= 300)
        assert len(account.asked) == asked  # nobody asks while it lasts
        monkeypatch.setattr(crowd(), "_calm_at", 0.0)
        await until(lambda: len(account.looks("run0")) >= 2)


async def test_a_list_that_is_refused_for_now_is_waited_for_rather_than_given_up(
    caplog: pytest.LogCaptureFixture,
) -> None:
    account = Account(5)
    account.refusals = [failed(429, "rate-limit-exceeded")]
    async with waiters(account) as tasks:
        await until(lambda: account.lists >= 2 * QUICK.attempts)
        assert [each for run_id in account.run_ids for each in account.looks(run_id)] == []
        account.refusals = []
        account.end("run1")
        assert (await tasks["run1"]).run.is_finished
    assert caplog.text == ""


async def test_a_waiter_that_is_cancelled_leaves_the_poll_to_the_others() -> None:
    account = Account(6)
    async with waiters(account) as tasks:
        await until(lambda: account.lists >= 1)  # run0 has begun the poll
        tasks["run0"].cancel()
        with pytest.raises(asyncio.CancelledError):
            await tasks["run0"]
        account.end("run1")
        assert (await tasks["run1"]).run.is_finished
        assert crowd().members == 4


async def test_the_poll_and_the_session_end_with_the_last_waiter() -> None:
    account = Account(5)
    async with waiters(account):
        await until(lambda: account.lists >= 1)
        poll = crowd()._poll
    loop = asyncio.get_running_loop()
    assert poll is not None
    assert (poll.cancelled(), crowds._crowds[loop], loop in sessions._shared_sessions) == (True, {}, False)


async def test_the_poll_ends_where_nobody_listens_any_more_and_begins_again_for_who_does() -> None:
    account = Account(5)
    account.unlisted = set(account.run_ids)
    async with waiters(account):
        await until(lambda: account.lists >= 1 and crowd()._poll is None)
        account.unlisted = set()
        lists = account.lists
        await until(lambda: account.lists > lists and len(crowd()._listeners) == 5)


async def test_the_waiters_of_another_account_are_no_part_of_the_crowd() -> None:
    mine, yours = Account(3), Account(3)
    other = Access(base_url=ACCESS.base_url, token="apify_api_another", user_agent="tests")
    async with waiters(mine), waiters(yours, access=other):
        await until(lambda: len(mine.asked) >= 3 and len(yours.asked) >= 3)
        assert len(crowds._crowds[asyncio.get_running_loop()]) == 2
        assert ACCESS.token not in repr(dict(crowds._crowds))
    assert (mine.lists, yours.lists) == (0, 0)


async def test_a_token_that_is_refused_is_the_error_of_each_waiter(monkeypatch: pytest.MonkeyPatch) -> None:
    account = Account(5)

    async def refuse(_request: Request) -> Answer:
        return failed(401, "invalid-token")

    monkeypatch.setattr(account, "send", refuse)
    async with waiters(account) as tasks:
        for task in tasks.values():
            with pytest.raises(ApifyAuthError):
                await task
