"""Runs that are rebooted, metamorphed and aborted at the same time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from local_apify import ActorContext, LocalApify, actor
from tests.local_apify.client import Client, until

TIDYING_SECONDS = 0.5


class Slow:
    """An Actor that takes its time to tidy up, and counts its lives."""

    def __init__(self) -> None:
        self.begun = self.going = 0

    async def main(self, context: ActorContext) -> None:
        self.begun += 1
        self.going += 1
        try:
            await context.sleep(60)
        finally:
            await self._tidy_up()
            self.going -= 1

    async def _tidy_up(self) -> None:
        end = time.monotonic() + TIDYING_SECONDS
        while time.monotonic() < end:
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(0.01)


@pytest.fixture
def slow() -> Slow:
    return Slow()


@pytest.fixture
def client(slow: Slow) -> Iterator[Client]:
    async def main(context: ActorContext) -> None:
        await slow.main(context)

    with LocalApify(actors=[actor("local/slow")(main)]) as apify:
        client = Client(apify)
        with client.session:
            yield client


def _going(client: Client, slow: Slow) -> str:
    path = f"/v2/actor-runs/{client.data('POST', '/v2/actors/local~slow/runs')['id']}"
    until(lambda: slow.going == 1)
    return path


def test_a_run_that_is_rebooted_by_several_at_once_is_rebooted_once(client: Client, slow: Slow) -> None:
    path = _going(client, slow)
    with ThreadPoolExecutor() as pool:
        answers = list(pool.map(lambda _: client.send("POST", f"{path}/reboot"), range(3)))
    assert sorted(answer.status_code for answer in answers) == [200, 400, 400]
    until(lambda: slow.going == 1)
    assert (slow.begun, client.data("GET", path)["stats"]["rebootCount"]) == (2, 1)


@pytest.mark.parametrize("change", ["reboot", "metamorph?targetActorId=local~slow"])
def test_a_run_that_is_aborted_while_it_is_rebooted_does_not_begin_again(
    client: Client, slow: Slow, change: str
) -> None:
    path = _going(client, slow)
    with ThreadPoolExecutor() as pool:
        changing = pool.submit(client.send, "POST", f"{path}/{change}")
        pool.submit(client.send, "POST", f"{path}/abort").result()
        assert changing.result().status_code == 400
    assert client.data("GET", path, params={"waitForFinish": 60})["status"] == "ABORTED"
    assert (slow.begun, slow.going) == (1, 0)
