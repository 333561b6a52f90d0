from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import pytest
from airflow.models.trigger import Trigger

from airflow_provider_apify.exceptions import ApifyNotFoundError
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.models.runs import ActorRun
from airflow_provider_apify.models.storages import ItemsSeen
from airflow_provider_apify.triggers.dataset import ApifyDatasetTrigger
from local_apify import LocalApify
from tests.dag_runs import serde
from tests.triggers.test_run import until

COUNT = "GET /v2/datasets/{datasetId}"


def watch(**arguments: Any) -> ApifyDatasetTrigger:
    """Make the trigger of most tests."""
    defaults: dict[str, Any] = {"dataset_id": None, "run_id": None, "min_items": 2, "poke_interval": 0.05}
    return ApifyDatasetTrigger(**(defaults | arguments))


async def start(**run_input: Any) -> ActorRun:
    return await asyncio.to_thread(ApifyHook().start_run, "apify/scenario", run_input)


async def first_event(trigger: ApifyDatasetTrigger) -> ItemsSeen:
    """Run a trigger to its first event, as the task will read it."""
    return ItemsSeen(**(await anext(trigger.run())).payload)


@pytest.mark.parametrize("given", [{"dataset_id": "a"}, {"run_id": "b", "poke_interval": 5.0}])
def test_a_trigger_survives_the_way_through_the_database(given: dict[str, Any]) -> None:
    path, arguments = watch(**given).serialize()
    assert serde().deserialize(serde().serialize(arguments)) == arguments

    row = Trigger.from_object(watch(**given))
    assert row.classpath == path
    assert ApifyDatasetTrigger(**row.kwargs).serialize() == (path, arguments)


@pytest.mark.usefixtures("apify")
async def test_the_trigger_fires_when_there_are_enough_items() -> None:
    run = await start(durationSecs=600)
    event = asyncio.create_task(first_event(watch(dataset_id=run.dataset_id)))
    for number in (1, 2):
        await asyncio.to_thread(ApifyHook().push_items, run.dataset_id or "", [{"id": number}])

    assert await event == ItemsSeen(run.dataset_id, 2)


async def test_the_trigger_looks_again_after_its_interval(apify: LocalApify) -> None:
    run = await start(durationSecs=600)
    event = asyncio.create_task(first_event(watch(dataset_id=run.dataset_id)))
    await until(lambda: apify.control.ledger().requests.get(COUNT, 0) >= 3)

    assert not event.done()
    event.cancel()
    with suppress(asyncio.CancelledError):
        await event
    assert apify.control.ledger().runs[0].is_going


@pytest.mark.usefixtures("apify")
async def test_a_run_that_is_over_with_fewer_items_is_an_event_like_any_other() -> None:
    run = await start(items=1)
    seen = await first_event(watch(run_id=run.id))

    assert seen == ItemsSeen(run.dataset_id, 1, run.id, "SUCCEEDED", is_final=True)


async def test_a_trigger_gets_over_an_outage(apify: LocalApify) -> None:
    run = await start(items=2)
    await asyncio.to_thread(apify.control.add_fault, "answer", path="/v2/datasets/*", status=503, times=3)

    assert (await first_event(watch(dataset_id=run.dataset_id))).item_count == 2


@pytest.mark.usefixtures("apify")
async def test_an_unknown_dataset_is_an_error_of_the_trigger() -> None:
    with pytest.raises(ApifyNotFoundError):
        await first_event(watch(dataset_id="nothing"))
