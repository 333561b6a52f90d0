from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from airflow_provider_apify._api.transports import Access
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
        await asyncio.sleep(0.01)
        if self.times <= self.failures:
            raise LookupError("no such connection")
        return ApifyConnection(Access("https://api.apify.com", f"token{self.times}", "agent"), RunLimits())


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


def test_the_next_event_loop_looks_up_anew() -> None:
    asked: Callable[[], Coroutine[Any, Any, ApifyConnection]] = Asked()
    first = asyncio.run(shared_lookup("apify_default", asked))
    second = asyncio.run(shared_lookup("apify_default", asked))
    assert first.access.token != second.access.token
