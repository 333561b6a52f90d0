"""The trigger of asset watchers: each end once, through restarts, outages and stops at any moment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.models.trigger import Trigger

from airflow_provider_apify._airflow.watching import HAS_WATCHERS
from airflow_provider_apify.assets import finished_runs
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.models.runs import ActorRun
from airflow_provider_apify.options import Target
from airflow_provider_apify.triggers.run_finished import ApifyRunFinishedTrigger
from local_apify import LocalApify
from tests.dag_runs import serde
from tests.triggers.test_run import until
from tests.triggers.watching import Triggerer as AnyTriggerer

LIST = "GET /v2/actor-runs"


class Triggerer(AnyTriggerer):
    """A triggerer that watches runs."""

    def watch_runs(self, **arguments: Any) -> None:
        self.watch(watcher(**arguments))

    @property
    def runs(self) -> list[dict[str, Any]]:
        return [run for payload in self.told for run in payload["runs"]]

    @property
    def ids(self) -> list[str]:
        return [run["run_id"] for run in self.runs]


def watcher(**arguments: Any) -> ApifyRunFinishedTrigger:
    defaults: dict[str, Any] = {"poll_interval": 0.05}
    return ApifyRunFinishedTrigger(**(defaults | arguments))


@pytest.fixture
def warnings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Collect what triggers warn of."""
    told: list[str] = []
    log = SimpleNamespace(info=lambda *_: None, warning=lambda words, *values: told.append(words % values))
    monkeypatch.setattr(ApifyRunFinishedTrigger, "log", log)
    return told


@pytest.fixture
async def triggerer() -> AsyncIterator[Triggerer]:
    made = Triggerer()
    yield made
    await made.kill()


async def start(**run_input: Any) -> ActorRun:
    return await asyncio.to_thread(ApifyHook().start_run, "apify/scenario", run_input)


async def looked(apify: LocalApify, times: int = 2) -> None:
    """Wait until the account's lists have been read so often."""
    before = apify.control.ledger().requests.get(LIST, 0)
    await until(lambda: apify.control.ledger().requests.get(LIST, 0) >= before + 2 * times)


@pytest.mark.parametrize(
    "given", [{}, {"actor_id": "apify/scenario", "statuses": ["FAILED", "SUCCEEDED"], "origins": ["WEB"]}]
)
def test_a_trigger_survives_the_way_through_the_database(given: dict[str, Any]) -> None:
    path, arguments = watcher(**given).serialize()
    assert serde().deserialize(serde().serialize(arguments)) == arguments
    row = Trigger.from_object(watcher(**given))
    assert ApifyRunFinishedTrigger(**row.kwargs).serialize() == (path, arguments)


def test_watchers_that_want_the_same_are_one() -> None:
    one, other = (watcher(statuses=statuses) for statuses in (("FAILED", "ABORTED"), {"ABORTED", "FAILED"}))
    assert one.hash(*one.serialize()) == other.hash(*other.serialize())


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"statuses": ["DONE"]}, "statuses may be ABORTED, FAILED, SUCCEEDED, TIMED-OUT, not 'DONE'"),
        ({"statuses": []}, "statuses names at least one"),
        ({"origins": ["CRON"]}, "not 'CRON'"),
        ({"actor_id": "a", "actor_task_id": "b"}, "exactly one"),
        ({"actor_id": ""}, "is no Actor ID"),
        ({"poll_interval": 0}, "above 0"),
    ],
)
def test_what_cannot_be_watched_is_refused(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        watcher(**given)


async def test_runs_that_finish_are_told_and_those_of_before_are_not(apify: LocalApify, triggerer: Triggerer) -> None:
    before, long = await start(), await start(durationSecs=600)
    triggerer.watch_runs()
    await looked(apify)
    after = await start(items=3)
    await until(lambda: after.id in triggerer.ids)
    await asyncio.to_thread(ApifyHook().abort_run, long.id)
    await looked(apify)
    assert before.id not in triggerer.ids
    assert triggerer.ids == [after.id]

    told = triggerer.runs[0]
    assert (told["status"], told["dataset_id"]) == ("SUCCEEDED", after.dataset_id)


async def test_each_watcher_gets_what_it_wants_of_one_look(apify: LocalApify, triggerer: Triggerer) -> None:
    other = Triggerer()
    triggerer.watch_runs(actor_id="apify/scenario")
    await looked(apify, 1)
    before = apify.control.ledger().requests.get(LIST, 0)
    for number in range(20):
        triggerer.watch_runs(actor_id="apify/scenario", statuses=["FAILED"], look_back=float(number))
    run = await start(endAs="FAILED")
    await until(lambda: len(triggerer.ids) == 20)
    await other.kill()
    assert set(triggerer.ids) == {run.id}
    assert apify.control.ledger().requests[LIST] - before < 200  # each alone would have asked so often by now


async def test_what_finished_while_the_triggerer_was_away_is_told(apify: LocalApify) -> None:
    kept: dict[str, Any] = {}
    long = await start(durationSecs=600)
    first = Triggerer(kept)
    first.watch_runs()
    await until(lambda: long.id in kept.get("apify_runs", {}).get("going", ()))
    await first.kill()

    short = await start()
    await asyncio.to_thread(ApifyHook().abort_run, long.id)
    second = Triggerer(kept)
    second.watch_runs(statuses=["SUCCEEDED", "ABORTED"])
    await until(lambda: len(second.ids) == 2)
    await looked(apify)
    await second.kill()
    assert sorted(second.ids) == sorted([short.id, long.id])


async def test_nothing_stored_is_told_again_and_nothing_else_is_lost(apify: LocalApify) -> None:
    kept: dict[str, Any] = {}
    first = Triggerer(kept, stores=False)
    first.watch_runs()
    await looked(apify)
    one = await start()
    await until(lambda: one.id in first.ids)
    await looked(apify)
    await first.kill()  # before the event was stored

    second = Triggerer(kept)
    second.watch_runs()
    await until(lambda: one.id in second.ids)
    await until(lambda: one.id in kept["apify_runs"]["told"])
    await second.kill()

    third = Triggerer(kept)
    third.watch_runs()
    await looked(apify)
    other = await start()
    await until(lambda: other.id in third.ids)
    await third.kill()
    assert (second.ids, third.ids) == ([one.id], [other.id])


async def test_an_asset_that_was_not_watched_for_long_has_nothing_repeated(apify: LocalApify) -> None:
    old: dict[str, Any] = {}
    new: dict[str, Any] = {}
    first = Triggerer(old)
    first.watch_runs()
    await until(lambda: bool(old))
    await first.kill()
    second = Triggerer(new)
    second.watch_runs()
    await until(lambda: bool(new))
    run = await start()
    await until(lambda: run.id in new["apify_runs"]["told"])
    await second.kill()

    both = Triggerer(old, new)
    both.watch_runs()
    await looked(apify)
    after = await start()
    await until(lambda: after.id in both.ids)
    await both.kill()
    assert both.ids == [after.id]


async def test_an_odd_answer_at_the_beginning_is_not_taken_for_a_bad_note(apify: LocalApify) -> None:
    kept: dict[str, Any] = {}
    first, second = Triggerer(kept), Triggerer(kept)
    first.watch_runs(actor_id="apify/scenario")
    await until(lambda: bool(kept))
    await first.kill()
    run = await start()
    await ApifyHook().async_wait_for_run(run.id)
    apify.control.add_fault("answer", method="GET", path="/v2/actors/*", status=200, text='{"data": {"name": "?"}}')
    second.watch_runs(actor_id="apify/scenario")
    await until(lambda: second.ids == [run.id])
    await second.kill()


async def test_an_outage_is_logged_and_waited_out(
    apify: LocalApify, triggerer: Triggerer, warnings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("airflow_provider_apify.triggers._watcher._FIRST_PAUSE", 0.05)
    triggerer.watch_runs()
    await looked(apify)
    await asyncio.to_thread(
        apify.control.add_fault,
        "answer",
        path="/v2/actor-runs",
        times=6,
        status=403,
        error_type="insufficient-permissions",
    )
    await until(lambda: len(warnings) >= 2)
    assert "The account's runs cannot be read. GET /v2/actor-runs: HTTP 403" in warnings[0]
    run = await start()
    await until(lambda: run.id in triggerer.ids)
    assert triggerer.ids == [run.id]


async def test_an_actor_that_is_not_there_is_said_and_looked_for_again(
    apify: LocalApify, triggerer: Triggerer, warnings: list[str]
) -> None:
    triggerer.watch_runs(actor_id="apify/scenaria")
    await until(lambda: len(warnings) >= 2)
    assert "Actor apify~scenaria was not found" in warnings[0]
    assert apify.control.ledger().requests[LIST] > 0


async def test_a_note_that_cannot_be_read_begins_anew(apify: LocalApify, warnings: list[str]) -> None:
    triggerer = Triggerer({"apify_runs": {"going": 3}})
    triggerer.watch_runs()
    await until(lambda: bool(warnings))
    assert "What was noted of the watcher cannot be read" in warnings[0]
    await looked(apify)
    run = await start()
    await until(lambda: run.id in triggerer.ids)
    await triggerer.kill()


async def test_without_a_store_the_last_minutes_are_told_again(apify: LocalApify) -> None:
    before, long = await start(), await start(durationSecs=600)
    trigger = watcher(look_back=60.0, statuses=["SUCCEEDED", "ABORTED"])
    events = trigger.run()
    assert [run["run_id"] for run in (await anext(events)).payload["runs"]] == [before.id]

    following = asyncio.ensure_future(anext(events))
    await looked(apify)
    await asyncio.to_thread(ApifyHook().abort_run, long.id)
    assert [run["run_id"] for run in (await following).payload["runs"]] == [long.id]
    await events.aclose()  # type: ignore[attr-defined]


@pytest.mark.usefixtures("apify")
async def test_without_a_store_what_ended_long_ago_is_told_once_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airflow_provider_apify._api.runs.ends._REMEMBERED", timedelta(0))  # it was longer ago
    before = (await ApifyHook().async_wait_for_run((await start()).id)).run
    events = watcher(look_back=3_600.0).run()
    assert [run["run_id"] for run in (await anext(events)).payload["runs"]] == [before.id]
    await events.aclose()  # type: ignore[attr-defined]


async def test_runs_of_a_saved_task_are_told_by_its_name(apify: LocalApify, triggerer: Triggerer) -> None:
    task = await asyncio.to_thread(apify.add_task, "daily", "apify/scenario", {"items": 1})
    triggerer.watch_runs(actor_task_id=task)
    await looked(apify)
    await start()
    run = await asyncio.to_thread(ApifyHook().start_run, Target("task", task), None)
    await until(lambda: run.id in triggerer.ids)
    assert triggerer.ids == [run.id]


def test_the_runs_of_several_events_are_each_told_once() -> None:
    def event(*runs: Mapping[str, Any]) -> Any:
        return SimpleNamespace(extra={"from_trigger": True, "payload": {"runs": list(runs)}})

    one, other = ({"run_id": name, "finished_at": f"2026-05-01T12:00:0{name}"} for name in "12")
    again = {**one, "finished_at": "2026-05-01T13:00:00"}
    foreign = SimpleNamespace(extra={"payload": "something else"})
    assert finished_runs({"a": [event(other, one), foreign], "b": [event(one, again)]}) == [one, other, again]
    assert finished_runs({"a": [SimpleNamespace(extra={})]}) == []


def test_airflow_3_has_watchers() -> None:
    assert HAS_WATCHERS
