from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest
from airflow.models.trigger import Trigger

from airflow_provider_apify.exceptions import ApifyAuthError
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.models.account import Room
from airflow_provider_apify.triggers.account import ApifyAccountTrigger
from local_apify import LocalApify
from tests.dag_runs import serde
from tests.triggers.test_run import until

LIMITS = "GET /v2/users/me/limits"


def watch(**arguments: Any) -> ApifyAccountTrigger:
    """Make the trigger of most tests."""
    defaults: dict[str, Any] = {"needed": Room(run_slots=1).to_dict(), "poke_interval": 0.05}
    return ApifyAccountTrigger(**(defaults | arguments))


async def first_event(trigger: ApifyAccountTrigger) -> Room:
    """Run a trigger to its first event."""
    return Room.from_dict((await anext(trigger.run())).payload)


@pytest.mark.parametrize("needed", [Room(run_slots=1), Room(1024, 2, Decimal("0.1"))], ids=str)
def test_a_trigger_survives_the_way_through_the_database(needed: Room) -> None:
    trigger = watch(needed=needed.to_dict(), poke_interval=5.0)
    path, arguments = trigger.serialize()
    assert serde().deserialize(serde().serialize(arguments)) == arguments

    row = Trigger.from_object(trigger)
    assert row.classpath == path
    rebuilt = ApifyAccountTrigger(**row.kwargs)
    assert rebuilt.serialize() == (path, arguments)
    assert rebuilt.needed == needed


async def test_the_trigger_looks_again_until_there_is_room(apify: LocalApify) -> None:
    await asyncio.to_thread(apify.control.settings, max_concurrent_runs=1, max_memory_mbytes=1024)
    run = await asyncio.to_thread(ApifyHook().start_run, "apify/scenario", {"durationSecs": 600})
    event = asyncio.create_task(first_event(watch()))
    await until(lambda: apify.control.ledger().requests.get(LIMITS, 0) >= 3)
    assert not event.done()

    await asyncio.to_thread(ApifyHook().abort_run, run.id)
    assert (await event).run_slots == 1


async def test_a_trigger_gets_over_an_outage(apify: LocalApify) -> None:
    await asyncio.to_thread(apify.control.add_fault, "answer", path="/v2/users/me/limits", status=503, times=2)

    assert (await first_event(watch())).run_slots >= 1


async def test_limits_that_the_token_may_not_see_are_an_error_of_the_trigger(apify: LocalApify) -> None:
    await asyncio.to_thread(apify.control.add_fault, "expire-token")
    with pytest.raises(ApifyAuthError):
        await first_event(watch())
