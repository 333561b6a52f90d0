"""Many waiters of one account where its list cannot be had, or Apify takes no more requests."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

import pytest

from airflow_provider_apify._api import crowds
from airflow_provider_apify._api.answers import Answer, Response
from airflow_provider_apify._api.request import Request
from airflow_provider_apify.exceptions import ApifyAuthError
from tests._api.answering import LOST, failed, ok, run_data
from tests._api.crowding import ACCESS, FULL_WAIT, LIST, QUICK, Account, crowd, hurry, until, waiters


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    hurry(monkeypatch)


REFUSALS: dict[str, list[Answer]] = {
    "forbidden": [failed(403, "insufficient-permissions")],
    "failing": [failed(500)],
    "lost": [LOST],
    "no list": [ok({})],
    "page of a proxy": [Response(200, {}, b"<html>")],
    "refused, for there are too many": [failed(429, "rate-limit-exceeded")],
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
    assert "it is too long" in caplog.text


async def test_where_the_list_cannot_be_had_any_more_what_it_said_before_does_not_count() -> None:
    account = Account(5)
    async with waiters(account):
        await until(lambda: account.lists >= 1)
        account.refusals = [failed(403, "insufficient-permissions")]
        await until(lambda: all(account.looks(run_id) for run_id in account.run_ids))
    assert {account.looks(run_id)[0] for run_id in account.run_ids} == {FULL_WAIT}


async def test_after_its_rest_the_list_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crowds, "_REST_SECONDS", 0.01)
    account = Account(5)
    account.refusals = [failed(403, "insufficient-permissions")]
    async with waiters(account):
        await until(lambda: account.lists >= 2)
        account.refusals = []
        await until(lambda: len(crowd()._listeners) == 5)


async def test_one_refused_request_slows_all_waiters_of_the_account(monkeypatch: pytest.MonkeyPatch) -> None:
    account, asked, refused = Account(3), list[str](), list[str]()

    async def send(request: Request) -> Answer:
        asked.append(request.path)
        if request.path.endswith("run0") and not refused:
            refused.append(request.path)
            return Response(429, {"retry-after": "30"}, failed(429, "rate-limit-exceeded").body)
        await asyncio.sleep(0)
        # At once, however long it may wait: else those that asked before the refused one would ask no more.
        return ok(run_data("RUNNING", id=request.path.rpartition("/")[2]))

    monkeypatch.setattr(account, "send", send)
    async with waiters(account):
        await until(lambda: bool(refused) and len(crowd()._pace._turns._waiters or ()) == 2)
        count = len(asked)  # one waits for the pause to end, two for their turn
        await asyncio.sleep(0.1)
        assert len(asked) == count
        monkeypatch.setattr(crowd()._pace, "_paused_until", 0.0)


async def test_a_list_that_is_refused_for_now_is_waited_for_rather_than_given_up(
    caplog: pytest.LogCaptureFixture,
) -> None:
    account = Account(5)
    account.refusals = [*[failed(429, "rate-limit-exceeded")] * (QUICK.attempts - 1), ok({"items": []})]
    async with waiters(account) as tasks:
        await until(lambda: len(account.refusals) == 1)
        account.refusals = []
        account.end("run1")
        assert (await tasks["run1"]).run.is_finished
    assert caplog.text == ""


async def test_a_list_that_does_not_come_is_given_up_after_some_time(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    account = Account(5)

    async def send(request: Request) -> Answer:
        if request.path == LIST:
            await asyncio.Event().wait()
        return await Account.send(account, request)

    monkeypatch.setattr(account, "send", send)
    monkeypatch.setattr(crowds, "_PATIENCE_SECONDS", 0.05)
    async with waiters(account) as tasks:
        account.end("run1")
        assert (await tasks["run1"]).run.is_finished
    assert "it has not come within 0 s" in caplog.text


async def test_the_deadline_holds_while_nobody_asks() -> None:
    account = Account(5)
    async with waiters(account, deadline=time.time() + 0.3) as tasks:
        await until(lambda: asyncio.get_running_loop() in crowds._crowds)
        crowd()._pace._interval = 3_600.0
        events = await asyncio.gather(*tasks.values())
    assert all(event.deadline_passed for event in events)


async def test_an_answer_that_is_lost_at_the_deadline_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    account, lost = Account(5), set[str]()

    async def send(request: Request) -> Answer:
        if request.path != LIST and request.path not in lost:
            lost.add(request.path)
            return LOST
        return await Account.send(account, request)

    monkeypatch.setattr(account, "send", send)
    async with waiters(account, deadline=time.time() + 0.1) as tasks:
        events = await asyncio.gather(*tasks.values())
    assert [(event.deadline_passed, event.run.status) for event in events] == [(True, "RUNNING")] * 5
    assert len(lost) == 5


async def test_the_list_is_asked_for_before_all_that_wait_for_their_turns() -> None:
    account = Account(5)
    account.unlisted = {"run0"}
    async with waiters(account):
        await until(lambda: asyncio.get_running_loop() in crowds._crowds)
        crowd()._pace._interval = 3_600.0
        await until(lambda: crowd()._pace._turns.locked() and account.lists >= 3)


async def test_who_is_told_of_a_list_that_cannot_be_had_does_not_poll_it_in_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(crowds, "_WAKING_SECONDS", 0.0)  # as where the loop is so busy that it is over at once
    account = Account(40)
    account.refusals = [failed(403, "insufficient-permissions")]
    async with waiters(account):
        await until(lambda: len(account.asked) >= 80)
    assert account.lists == 1


async def test_the_crowds_of_two_event_loops_are_two() -> None:
    account = Account(5)

    async def elsewhere() -> None:
        other = Account(5)
        async with waiters(other) as tasks:
            await until(lambda: other.lists >= 2)
            other.end(*other.run_ids)
            await asyncio.gather(*tasks.values())

    async with waiters(account) as tasks:
        await until(lambda: account.lists >= 1)
        await asyncio.to_thread(asyncio.run, elsewhere())
        assert crowd().members == 5
        account.end("run2")
        assert (await tasks["run2"]).run.is_finished


async def test_a_token_that_is_refused_is_the_error_of_each_waiter(monkeypatch: pytest.MonkeyPatch) -> None:
    account = Account(5)

    async def refuse(_request: Request) -> Answer:
        return failed(401, "invalid-token")

    monkeypatch.setattr(account, "send", refuse)
    async with waiters(account) as tasks:
        for task in tasks.values():
            with pytest.raises(ApifyAuthError):
                await task
