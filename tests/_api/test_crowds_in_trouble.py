"""Many waiters of one account where its list cannot be had, or Apify takes no more requests."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from airflow_provider_apify._api import crowds
from airflow_provider_apify._api.answers import Answer, Response
from airflow_provider_apify._api.request import Request
from airflow_provider_apify.exceptions import ApifyAuthError
from tests._api.answering import LOST, failed, ok
from tests._api.crowding import ACCESS, FULL_WAIT, QUICK, Account, crowd, hurry, until, waiters


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    hurry(monkeypatch)


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


async def test_a_token_that_is_refused_is_the_error_of_each_waiter(monkeypatch: pytest.MonkeyPatch) -> None:
    account = Account(5)

    async def refuse(_request: Request) -> Answer:
        return failed(401, "invalid-token")

    monkeypatch.setattr(account, "send", refuse)
    async with waiters(account) as tasks:
        for task in tasks.values():
            with pytest.raises(ApifyAuthError):
                await task
