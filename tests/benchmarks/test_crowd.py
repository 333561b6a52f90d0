"""The server of the benchmark of crowds says what the local Apify says."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.models.runs import UNFINISHED_STATUSES
from local_apify import LocalApify
from tests.benchmarks.crowd import samples
from tests.benchmarks.crowd_server import World, run_id_of


@pytest.fixture
def shown_and_listed(tmp_path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    return samples(tmp_path)


def test_its_answers_have_the_fields_of_the_local_apify_s(
    shown_and_listed: tuple[dict[str, Any], dict[str, Any]], apify: LocalApify
) -> None:
    world = World([0.0] * 3, *shown_and_listed)
    hook = ApifyHook()
    run_id = hook.start_run("apify/scenario", {"durationSecs": 60}).id
    shown, listed = json.loads(world.shown(run_id_of(0)))["data"], json.loads(world.list_of(1, 10))["data"]
    real = next(iter(hook.iterate_runs()))

    assert apify.control.ledger().runs_started == 1
    assert shown.keys() == hook.get_run(run_id).raw.keys()
    assert listed["items"][0].keys() == real.raw.keys()
    assert [item["id"] for item in listed["items"]] == [run_id_of(1), run_id_of(0)]
    assert shown["status"] in UNFINISHED_STATUSES


async def test_a_run_that_ends_is_told_to_who_waits_and_leaves_the_list() -> None:
    world, answers = World([0.0, 60.0], {"status": "RUNNING"}, {"status": "RUNNING"}), list[bytes]()
    world.ask_for(run_id_of(0), 0, answers.append)
    told = asyncio.get_running_loop().create_future()
    world.ask_for(run_id_of(0), 60, told.set_result)
    world.begin()
    answers.append(await asyncio.wait_for(told, 60))

    first, second = (json.loads(body)["data"] for body in answers)
    assert (first["status"], second["status"]) == ("RUNNING", "SUCCEEDED")
    assert [item["id"] for item in json.loads(world.list_of(0, 10))["data"]["items"]] == [run_id_of(1)]
    assert world.counts == {"run": 2, "list": 1}


async def test_a_run_that_goes_on_is_told_after_the_wait() -> None:
    world, told = World([60.0], {"status": "RUNNING"}, {}), asyncio.Event()
    world.ask_for(run_id_of(0), 0.01, lambda _body: told.set())
    await asyncio.wait_for(told.wait(), 60)
    assert not world.finished
