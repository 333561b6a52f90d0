"""Hundreds of triggers that come and go by chance, before accounts that lie: each gets its one true event."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Mapping
from typing import Any

import psutil
import pytest

from airflow_provider_apify._api import crowds, sessions
from airflow_provider_apify.hooks import _lookups
from airflow_provider_apify.models.runs import RunEvent
from airflow_provider_apify.triggers import run as triggers
from tests._api.crowding import until
from tests.triggers.lying_accounts import Accounts, Run, serving

WAITERS = 200
ARRIVAL, LONGEST_RUN = 4.0, 4.0
TOKENS = {"apify_api_mine": "mine", "apify_api_yours": "yours"}
CONNECTIONS = {"mine": "apify_api_mine", "mine_too": "apify_api_mine", "yours": "apify_api_yours"}
FAULTS: Mapping[str, Mapping[str, float]] = {
    "nothing": {},
    "all at times": {
        **dict.fromkeys(["lost", "torn", "failing", "proxy", "refused", "refused at once"], 0.01),
        **dict.fromkeys(["slow", "old", "gaps", "ghosts", "shuffled"], 0.2),
    },
    "a list that lies": dict.fromkeys(["old", "gaps", "ghosts", "shuffled"], 0.7),
    "one request in ten is refused": {"refused": 0.1},
    "a list that is refused": {"list refused": 1.0},
    "a list that hangs": {"list hangs": 1.0},
    "a list that is forbidden at times": {"list unauthorized": 0.3},
}


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    changes = {
        "_MOST_ALONE": 30,
        "_POLL_SECONDS": 0.3,
        "_PAGE_SECONDS": 0.03,
        "_LONGEST_SECONDS": 5.0,
        "_MOST_A_MINUTE": 60_000,
        "_PATIENCE_SECONDS": 3.0,
        "_REST_SECONDS": 3.0,
    }
    for name, value in changes.items():
        monkeypatch.setattr(crowds, name, value)
    monkeypatch.setattr(_lookups, "_SHARED_SECONDS", 0.0)


def connect(monkeypatch: pytest.MonkeyPatch, accounts: Accounts, tokens: Mapping[str, str]) -> None:
    for name, token in tokens.items():
        connection = {"conn_type": "apify", "host": accounts.base_url, "password": token}
        monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(connection))


async def come_and_go(accounts: Accounts, connections: list[str]) -> dict[str, list[RunEvent]]:
    """Let triggers arrive, each with its run, and some of them leave; return the events of those that stay."""

    async def come(number: int) -> tuple[str, list[RunEvent]] | None:
        await asyncio.sleep(accounts.chance.uniform(0, ARRIVAL))
        now, name = time.time(), connections[number % len(connections)]
        account = "yours" if name == "yours" else "mine"
        run = Run(f"run{number}", account, now, now + accounts.chance.uniform(-1, LONGEST_RUN), number % 10 != 7)
        accounts.runs[run.run_id] = run
        watching = asyncio.create_task(watch(run.run_id, name))
        if number % 10 != 3:
            return run.run_id, await watching
        await asyncio.sleep(accounts.chance.uniform(0, 3))
        watching.cancel()
        await asyncio.wait([watching])
        return None

    async def watch(run_id: str, name: str) -> list[RunEvent]:
        found = []
        async for event in triggers.ApifyRunTrigger(run_id=run_id, apify_conn_id=name).run():
            assert time.time() >= accounts.runs[run_id].ends, "early"
            found.append(RunEvent.from_payload(event.payload))
        return found

    return dict(filter(None, await asyncio.gather(*map(come, range(WAITERS)))))


def check(events: dict[str, list[RunEvent]]) -> None:
    assert len(events) == WAITERS * 9 // 10
    assert {run_id: [event.run.id for event in found] for run_id, found in events.items()} == {
        run_id: [run_id] for run_id in events
    }
    assert {event.run.status for found in events.values() for event in found} == {"SUCCEEDED"}


def sockets() -> int:
    """Return how many this process has open."""
    return sum(connection.status != "LISTEN" for connection in psutil.Process().net_connections())


async def check_nothing_is_left(before: int) -> None:
    loop = asyncio.get_running_loop()
    assert not crowds._crowds.get(loop)
    assert loop not in sessions._shared_sessions
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []
    await until(lambda: sockets() <= before)  # the server's ends, too


@pytest.mark.parametrize("faults", FAULTS.values(), ids=FAULTS)
async def test_each_trigger_gets_its_one_true_event_whatever_the_list_says(
    faults: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(Accounts(dict(TOKENS), faults, random.Random(1))) as accounts:
        connect(monkeypatch, accounts, CONNECTIONS)
        before = sockets()
        events = await come_and_go(accounts, list(CONNECTIONS))
        await check_nothing_is_left(before)

    check(events)
    assert accounts.asked["list"] > 0
    assert accounts.asked["list"] < WAITERS
    assert accounts.asked["run"] < 4 * WAITERS


async def test_a_token_that_is_replaced_while_a_crowd_waits_costs_no_event(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(Accounts(dict(TOKENS), {}, random.Random(2))) as accounts:
        connect(monkeypatch, accounts, CONNECTIONS)

        async def replace() -> None:
            await asyncio.sleep(ARRIVAL / 2)
            connect(monkeypatch, accounts, {"mine": "apify_api_new", "mine_too": "apify_api_new"})
            accounts.accounts["apify_api_new"] = accounts.accounts.pop("apify_api_mine")

        before, replacing = sockets(), asyncio.create_task(replace())
        events = await come_and_go(accounts, list(CONNECTIONS))
        await replacing
        await check_nothing_is_left(before)

    check(events)


async def test_a_token_that_is_revoked_fails_the_waiters_of_its_account_and_no_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with serving(Accounts(dict(TOKENS), {}, random.Random(3))) as accounts:
        connect(monkeypatch, accounts, CONNECTIONS)

        def watch(number: int, account: str) -> asyncio.Future[Any]:
            run = Run(f"{account}{number}", account, time.time(), time.time() + 4)
            accounts.runs[run.run_id] = run
            return asyncio.ensure_future(
                anext(triggers.ApifyRunTrigger(run_id=run.run_id, apify_conn_id=account).run())
            )

        mine, yours = ([watch(number, account) for number in range(50)] for account in ("mine", "yours"))
        await until(lambda: accounts.asked["list"] >= 2)
        del accounts.accounts["apify_api_mine"]
        ends = await asyncio.gather(*mine, return_exceptions=True)
        events = await asyncio.gather(*yours)

    assert {type(end).__name__ for end in ends} == {"ApifyAuthError"}
    assert {event.payload["run"]["status"] for event in events} == {"SUCCEEDED"}
