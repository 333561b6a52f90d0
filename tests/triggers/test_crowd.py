"""So many waiters in one event loop that they share connections, or one poll."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_apify._api import crowds
from airflow_provider_apify._api.request import taking_turns
from airflow_provider_apify._api.runs import endpoints
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.models.runs import RunEvent
from airflow_provider_apify.options import Target
from airflow_provider_apify.triggers.run import ApifyRunTrigger
from local_apify import LocalApify

CHILD = "tests.triggers.crowd_child"
HOME = Path(__file__).parents[2]


def test_more_waiters_than_files_take_turns_and_leave_files_to_everything_else(apify: LocalApify) -> None:
    run_id = ApifyHook().start_run("apify/scenario", {"durationSecs": 600}).id
    command = [sys.executable, "-m", CHILD, run_id, "120", "100"]
    child = subprocess.run(command, cwd=HOME, capture_output=True, text=True, timeout=280, check=False)  # noqa: S603 - our own

    assert child.returncode == 0, child.stderr
    assert child.stdout.split()[-1:] == ["ABORTED"]
    assert apify.control.ledger().runs[0].aborted_by_request


def test_a_long_poll_is_as_long_as_its_share_of_the_connections() -> None:
    request = endpoints.get_run("run1", wait=60)

    assert taking_turns(request, 1.0) == request
    crowded = taking_turns(request, 0.5)
    assert (crowded.params["waitForFinish"], crowded.timeout) == ("15", 45.0)
    assert taking_turns(request, 0.001).params["waitForFinish"] == "1"


def test_a_request_that_does_not_let_the_server_wait_stays_as_it_is() -> None:
    assert taking_turns(endpoints.get_run("run1"), 0.1) == endpoints.get_run("run1")


@pytest.fixture
def few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let four triggers be so many that they share one poll, and poll quickly."""
    monkeypatch.setattr(crowds, "_MOST_ALONE", 3)
    monkeypatch.setattr(crowds, "_POLL_SECONDS", 0.05)


async def start(hook: ApifyHook, count: int, **run_input: Any) -> list[str]:
    target = Target("actor", "apify/scenario")
    return [(await asyncio.to_thread(hook.start_run, target, run_input)).id for _ in range(count)]


async def events(run_ids: list[str], **arguments: Any) -> list[RunEvent]:
    async def event(run_id: str) -> RunEvent:
        return RunEvent.from_payload((await anext(ApifyRunTrigger(run_id=run_id, **arguments).run())).payload)

    return await asyncio.gather(*map(event, run_ids))


def asked(apify: LocalApify) -> tuple[int, int]:
    """Return how often the list was asked for, and how often a run."""
    requests = apify.control.ledger().requests
    return requests.get("GET /v2/actor-runs", 0), requests.get("GET /v2/actor-runs/{runId}", 0)


@pytest.mark.usefixtures("few_are_many")
async def test_many_triggers_hear_of_the_ends_of_their_runs_from_one_list(apify: LocalApify) -> None:
    hook = ApifyHook()
    run_ids = [*await start(hook, 10, durationSecs=2, exitMessage="Done."), *await start(hook, 10, durationSecs=3)]
    seen = await events(run_ids)

    assert [(event.run.id, event.run.status) for event in seen] == [(run_id, "SUCCEEDED") for run_id in run_ids]
    assert seen[0].run.status_message == "Done."  # which no list tells
    lists, looks = await asyncio.to_thread(asked, apify)
    assert lists > 1
    assert looks == len(run_ids)


@pytest.mark.usefixtures("few_are_many")
async def test_the_runs_of_others_are_no_news(apify: LocalApify) -> None:
    hook = ApifyHook()
    others = await start(hook, 30, durationSecs=600)
    apify.control.add_past_runs("apify/scenario", [datetime(2026, 1, 1, tzinfo=UTC)] * 30)
    seen = await events(await start(hook, 5, durationSecs=1.5))

    assert {event.run.status for event in seen} == {"SUCCEEDED"}
    assert (await asyncio.to_thread(hook.get_run, others[0])).status == "RUNNING"


@pytest.mark.usefixtures("few_are_many")
async def test_runs_so_young_that_the_list_lacks_them_are_waited_for(apify: LocalApify) -> None:
    await asyncio.to_thread(apify.control.settings, replica_lag_seconds=2.0)
    seen = await events(await start(ApifyHook(), 5, durationSecs=2.5))

    assert {event.run.status for event in seen} == {"SUCCEEDED"}


@pytest.mark.usefixtures("few_are_many")
async def test_a_token_that_may_not_list_runs_waits_all_the_same(apify: LocalApify) -> None:
    await asyncio.to_thread(
        apify.control.add_fault,
        "answer",
        path="/v2/actor-runs",
        times=None,
        status=403,
        error_type="insufficient-permissions",
    )
    seen = await events(await start(ApifyHook(), 5, durationSecs=1.5))

    assert {event.run.status for event in seen} == {"SUCCEEDED"}
    assert (await asyncio.to_thread(asked, apify))[0] == 1


@pytest.mark.usefixtures("few_are_many")
async def test_limits_hold_for_many_as_for_one(apify: LocalApify) -> None:
    hook = ApifyHook()
    run_ids = await start(hook, 5, durationSecs=600)
    late = await events(run_ids, deadline=time.time() + 1.5)
    expensive = await events(run_ids, cost_limit=1e-12, abort_at_limit=True)

    assert all(event.deadline_passed for event in late)
    assert all(event.cost_limit_passed and event.run.is_stopped for event in expensive)
    assert (await asyncio.to_thread(apify.control.ledger)).runs[0].aborted_by_request
