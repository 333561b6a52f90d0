"""Requests of one account slow down together while Apify refuses some, and none waits for ever."""

from __future__ import annotations

import asyncio
import math
import random
import time
from typing import Any

import pytest

from airflow_provider_apify._api.answers import Answer, Response
from airflow_provider_apify._api.pace import Pace
from tests._api.answering import LOST, failed, ok

REFUSED = failed(429, "rate-limit-exceeded")
FINE = ok({})


class Clock:
    """Time that passes as it is slept.

    :ivar now: by ``time.monotonic``.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1_000.0
        plain = asyncio.sleep

        async def sleep(seconds: float) -> None:
            self.now += seconds
            await plain(0)

        monkeypatch.setattr(asyncio, "sleep", sleep)
        monkeypatch.setattr("airflow_provider_apify._api.pace.time.monotonic", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def told(seconds: str) -> Answer:
    return Response(429, {"retry-after": seconds}, REFUSED.body)


async def took(pace: Pace, clock: Clock) -> float:
    began = clock.now
    await pace.turn(math.inf)
    return clock.now - began


async def test_nobody_waits_where_nothing_is_refused(clock: Clock) -> None:
    calm = Pace()
    calm.note(FINE)
    calm.note(LOST)
    assert await took(calm, clock) == 0


async def test_each_refusal_makes_all_slower_until_a_limit_and_each_success_quicker(clock: Clock) -> None:
    slow, turns = Pace(), []
    for _ in range(12):
        slow.note(REFUSED)
        turns.append(await took(slow, clock))
        clock.now += 1
    assert turns == sorted(turns)
    assert (turns[0], turns[1], turns[-1]) == pytest.approx((0.02, 0.04, 5.0))
    for _ in range(40):
        slow.note(FINE)
        clock.now += 1
    assert await took(slow, clock) == 0


async def test_refusals_that_come_together_count_as_one(clock: Clock) -> None:
    slow = Pace()
    for _ in range(500):
        slow.note(REFUSED)
    assert await took(slow, clock) == pytest.approx(0.02)


@pytest.mark.parametrize(("seconds", "pause"), [("0", 1.0), ("7", 7.0), ("3600", 60.0)])
async def test_whatever_apify_tells_the_pause_is_neither_none_nor_without_end(
    seconds: str, pause: float, clock: Clock
) -> None:
    slow = Pace()
    slow.note(told(seconds))
    began = clock.now
    await slow.pause()
    assert clock.now - began == pytest.approx(pause)


async def test_a_pause_is_one_for_all_and_then_each_has_its_turn(clock: Clock) -> None:
    slow, times = Pace(), list[float]()
    slow.note(told("30"))
    began = clock.now

    async def ask() -> None:
        await slow.turn(math.inf)
        times.append(clock.now - began)

    await asyncio.gather(*(ask() for _ in range(5)))
    assert times == pytest.approx([30.02, 30.04, 30.06, 30.08, 30.1])


async def test_who_may_not_wait_any_longer_goes_without_a_turn() -> None:
    slow = Pace()
    slow.note(told("60"))
    holding = asyncio.create_task(slow.turn(math.inf))
    await asyncio.sleep(0)
    await slow.turn(time.time() + 0.01)
    holding.cancel()


@pytest.mark.parametrize("share", [0.05, 0.2])
async def test_where_a_share_is_refused_all_the_same_each_gets_through_soon(share: float, clock: Clock) -> None:
    slow, chance, began = Pace(), random.Random(1), clock.now

    async def ask() -> None:
        while True:
            await slow.turn(math.inf)
            answer: Any = REFUSED if chance.random() < share else FINE
            slow.note(answer)
            if answer is FINE:
                return

    await asyncio.gather(*(ask() for _ in range(1_000)))
    assert clock.now - began < 30


async def test_a_limit_is_kept_to_about_whatever_is_asked(clock: Clock) -> None:
    """Ten requests a second are taken."""
    slow, taken, asked, began = Pace(), list[float](), 0, clock.now

    async def ask() -> None:
        nonlocal asked
        while True:
            await slow.turn(math.inf)
            asked += 1
            recent = sum(at > clock.now - 1 for at in taken)
            slow.note(FINE if recent < 10 else REFUSED)
            if recent < 10:
                taken.append(clock.now)
                return
            await asyncio.sleep(0.01)

    await asyncio.gather(*(ask() for _ in range(300)))
    assert clock.now - began < 40
    assert asked < 2_000  # without the pauses that each makes by itself after a refusal
