"""The trigger of asset watchers for a dataset: all that is new, once, through restarts and outages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import requests
from airflow.models.trigger import Trigger

from airflow_provider_apify.assets import dataset_asset
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.triggers.dataset_changed import ApifyDatasetChangedTrigger
from local_apify import LocalApify
from tests.dag_runs import serde
from tests.triggers.test_run import until
from tests.triggers.watching import Triggerer

LOOK = "GET /v2/datasets/{datasetId}"


def watcher(**arguments: Any) -> ApifyDatasetChangedTrigger:
    defaults: dict[str, Any] = {"dataset_id": "local/prices", "poll_interval": 0.05}
    return ApifyDatasetChangedTrigger(**(defaults | arguments))


@pytest.fixture
async def triggerer() -> AsyncIterator[Triggerer]:
    made = Triggerer()
    yield made
    await made.kill()


@pytest.fixture(autouse=True)
def dataset(apify: LocalApify) -> str:
    """Make the dataset, with five items, and return its ID."""
    made = make(apify)
    ApifyHook().push_items(made, [{"n": number} for number in range(5)])
    return made


def make(apify: LocalApify) -> str:
    return str(call(apify, "POST", "datasets?name=prices").json()["data"]["id"])


def call(apify: LocalApify, method: str, path: str) -> requests.Response:
    headers = {"Authorization": f"Bearer {apify.token}"}
    answer = requests.request(method, f"{apify.base_url}/v2/{path}", headers=headers, timeout=30)
    answer.raise_for_status()
    return answer


async def push(dataset: str, items: int) -> None:
    await asyncio.to_thread(ApifyHook().push_items, dataset, [{}] * items)


async def looked(apify: LocalApify, times: int = 2) -> None:
    """Wait until the dataset has been looked at so often."""
    before = apify.control.ledger().requests.get(LOOK, 0)
    await until(lambda: apify.control.ledger().requests.get(LOOK, 0) >= before + times)


def new(triggerer: Triggerer) -> list[tuple[int, int]]:
    return [(told["new_items"], told["item_count"]) for told in triggerer.told]


async def test_what_is_new_is_told_and_what_was_there_is_not(
    apify: LocalApify, triggerer: Triggerer, dataset: str
) -> None:
    triggerer.watch(watcher())
    await looked(apify)
    assert triggerer.told == []
    await push(dataset, 2)
    await until(lambda: new(triggerer) == [(2, 7)])
    await push(dataset, 3)
    await until(lambda: new(triggerer) == [(2, 7), (3, 10)])
    assert {told["dataset_id"] for told in triggerer.told} == {dataset}


async def test_few_items_wait_for_more(apify: LocalApify, triggerer: Triggerer, dataset: str) -> None:
    triggerer.watch(watcher(min_items=3))
    await looked(apify)
    await push(dataset, 2)
    await looked(apify)
    assert triggerer.told == []
    await push(dataset, 2)
    await until(lambda: new(triggerer) == [(4, 9)])


async def test_what_comes_while_the_triggerer_is_away_is_told_once(apify: LocalApify, dataset: str) -> None:
    kept: dict[str, Any] = {}
    first, second = Triggerer(kept), Triggerer(kept)
    first.watch(watcher())
    await looked(apify)
    await push(dataset, 1)
    await until(lambda: new(first) == [(1, 6)])
    await until(lambda: kept["apify_dataset"]["items"] == 6)
    await first.kill()
    await push(dataset, 4)
    second.watch(watcher())
    await until(lambda: new(second) == [(4, 10)])
    await looked(apify)
    await second.kill()
    assert len(second.told) == 1


async def test_a_dataset_that_is_made_anew_begins_at_nothing(
    apify: LocalApify, triggerer: Triggerer, dataset: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("airflow_provider_apify.triggers._watcher._FIRST_PAUSE", 0.05)
    triggerer.watch(watcher())
    await looked(apify)
    await asyncio.to_thread(call, apify, "DELETE", f"datasets/{dataset}")
    await looked(apify)
    other = await asyncio.to_thread(make, apify)
    await push(other, 2)
    await until(lambda: sum(told["new_items"] for told in triggerer.told) == 2)
    assert {told["dataset_id"] for told in triggerer.told} == {other}


async def test_watchers_of_one_dataset_share_their_looks(apify: LocalApify, triggerer: Triggerer, dataset: str) -> None:
    for least in range(1, 21):
        triggerer.watch(watcher(min_items=least, poll_interval=0.5))
    await looked(apify, 1)
    await push(dataset, 20)
    await until(lambda: len(triggerer.told) == 20)
    assert apify.control.ledger().requests[LOOK] < 20


def test_a_trigger_survives_the_way_through_the_database() -> None:
    path, arguments = watcher(min_items=3).serialize()
    assert serde().deserialize(serde().serialize(arguments)) == arguments
    row = Trigger.from_object(watcher(min_items=3))
    assert ApifyDatasetChangedTrigger(**row.kwargs).serialize() == (path, arguments)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"min_items": 0}, "min_items is a number of items, 1 or more, not 0"),
        ({"poll_interval": 0}, "poll_interval is a number of seconds above 0"),
        ({"dataset_id": ""}, "dataset"),
    ],
    ids=str,
)
def test_what_cannot_be_watched_is_refused(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        watcher(**given)


def test_an_asset_takes_it_as_its_watcher() -> None:
    from airflow.sdk import AssetWatcher  # noqa: PLC0415 - Airflow 3

    asset = dataset_asset("me/prices", watchers=[AssetWatcher("prices", trigger=watcher())])
    assert (asset.uri, asset.watchers[0].name) == ("apify://dataset/me~prices", "prices")
