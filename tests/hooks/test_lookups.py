from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from airflow_provider_apify._api.transports import Access
from airflow_provider_apify.hooks import _lookups
from airflow_provider_apify.hooks._connection import ApifyConnection
from airflow_provider_apify.hooks._lookups import shared_lookup
from airflow_provider_apify.options import RunLimits


class Asked:
    """A look-up that takes a moment, counts how often it is made, and fails as often as told."""

    def __init__(self, failures: int = 0) -> None:
        self.times = 0
        self.failures = failures

    async def __call__(self) -> ApifyConnection:
        self.times += 1
        number = self.times
        await asyncio.sleep(0.01)
        if number <= self.failures:
            raise LookupError("no such connection")
        return ApifyConnection(Access("https://api.apify.com", f"token{number}", "agent"), RunLimits())


async def test_triggers_that_arrive_together_share_one_look_up() -> None:
    asked = Asked()
    connections = await asyncio.gather(*(shared_lookup("apify_default", asked) for _ in range(50)))
    assert asked.times == 1
    assert len(set(map(id, connections))) == 1


async def test_another_connection_is_looked_up_by_itself() -> None:
    one, other = Asked(), Asked()
    await asyncio.gather(shared_lookup("one", one), shared_lookup("other", other))
    assert (one.times, other.times) == (1, 1)


async def test_a_look_up_that_failed_serves_nobody_who_comes_later() -> None:
    asked = Asked(failures=1)
    with pytest.raises(LookupError):
        await shared_lookup("apify_default", asked)
    await shared_lookup("apify_default", asked)
    assert asked.times == 2


async def test_a_trigger_that_is_cancelled_does_not_take_the_answer_from_the_others() -> None:
    asked = Asked()
    cancelled = asyncio.ensure_future(shared_lookup("apify_default", asked))
    waiting = asyncio.ensure_future(shared_lookup("apify_default", asked))
    await asyncio.sleep(0)
    cancelled.cancel()
    assert (await waiting).access.token == "token1"
    assert asked.times == 1


async def test_all_that_were_refused_with_a_token_share_the_next_look_up() -> None:
    asked = Asked()
    await shared_lookup("apify_default", asked)
    connections = await asyncio.gather(*(shared_lookup("apify_default", asked, refused="token1") for _ in range(50)))
    later = await shared_lookup("apify_default", asked, refused="token1")

    assert {connection.access.token for connection in (*connections, later)} == {"token2"}
    assert asked.times == 2


async def test_a_look_up_under_way_may_be_older_than_the_new_token() -> None:
    asked = Asked()
    under_way = asyncio.ensure_future(shared_lookup("apify_default", asked))
    await asyncio.sleep(0)
    renewed = await shared_lookup("apify_default", asked, refused="token1")

    assert ((await under_way).access.token, renewed.access.token) == ("token1", "token2")


async def test_a_token_that_stays_the_same_is_not_asked_for_by_each_that_is_refused() -> None:
    asked = Asked()
    for _ in range(3):
        await shared_lookup("apify_default", asked, refused="token1")
    assert asked.times == 1


async def test_no_look_up_shows_the_refused_token() -> None:
    await shared_lookup("apify_default", Asked(), refused="a refused token")
    assert "a refused token" not in str(dict(_lookups._lookups))


def test_the_next_event_loop_looks_up_anew() -> None:
    asked: Callable[[], Coroutine[Any, Any, ApifyConnection]] = Asked()
    first = asyncio.run(shared_lookup("apify_default", asked))
    second = asyncio.run(shared_lookup("apify_default", asked))
    assert first.access.token != second.access.token
