"""Many waiters of one account share one poll of its list of runs."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import Any

import pytest

from airflow_provider_apify._api import crowds, sessions
from airflow_provider_apify._api.runs.showing import LogShower
from airflow_provider_apify._api.transports import Access
from tests._api.crowding import ACCESS, FULL_WAIT, Account, crowd, hurry, until, waiters


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    hurry(monkeypatch)


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
        await until(lambda: sessions.connection_share() == 1)  # who listens to the list needs no connection
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
