"""Lists of runs, and runs named by the address of their page, against the local Apify."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_apify.exceptions import ApifyError
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.models.runs import ActorRun
from airflow_provider_apify.options import Target
from local_apify import LocalApify
from tests.hooks.conftest import RunScenario

SCENARIO = Target("actor", "apify/scenario")


@pytest.fixture
def hook(apify: LocalApify) -> ApifyHook:  # noqa: ARG001 - where it leads
    return ApifyHook()


@pytest.fixture
def task(apify: LocalApify) -> Target:
    return Target("task", apify.add_task("three", "apify/scenario", {}))


def started(hook: ApifyHook, target: Target, count: int) -> list[ActorRun]:
    """Return runs that have succeeded, oldest first."""
    return [hook.wait_for_run(hook.start_run(target).id).run for _ in range(count)]


def ids(runs: Iterable[ActorRun]) -> list[str]:
    """Return the IDs of runs, in their order."""
    return [run.id for run in runs]


def test_runs_of_an_actor_of_a_task_and_of_the_account_are_listed(hook: ApifyHook, task: Target) -> None:
    of_actor, of_task = started(hook, Target("actor", "apify/hello-world"), 1), started(hook, task, 1)

    assert ids(hook.iterate_runs("apify/hello-world")) == ids(of_actor)
    assert ids(hook.iterate_runs(task)) == ids(of_task)
    assert ids(hook.iterate_runs()) == ids(of_actor + of_task)
    assert ids(hook.iterate_runs(desc=True, limit=1)) == ids(of_task)


def test_runs_are_listed_by_status(hook: ApifyHook, run_scenario: RunScenario) -> None:
    good, bad, late = (run_scenario(wait=30, endAs=end) for end in ("SUCCEEDED", "FAILED", "TIMED-OUT"))

    assert ids(hook.iterate_runs(SCENARIO, status="SUCCEEDED")) == [good]
    assert ids(hook.iterate_runs(SCENARIO, status=("FAILED", "TIMED-OUT"))) == [bad, late]


@pytest.mark.parametrize("desc", [False, True])
@pytest.mark.parametrize("kind", ["actor", "task"])
def test_runs_are_listed_by_the_time_of_their_start(hook: ApifyHook, task: Target, kind: str, desc: bool) -> None:
    target = SCENARIO if kind == "actor" else task
    first, second, third = started(hook, target, 3)
    assert first.started_at
    assert second.started_at
    assert third.started_at
    moment = timedelta(milliseconds=1)
    shown = hook.iterate_runs(
        target,
        started_after=first.started_at + moment,
        started_before=third.started_at - moment,
        desc=desc,
    )
    assert ids(shown) == [second.id]


def test_a_list_is_fetched_as_far_as_it_is_looked_at(hook: ApifyHook, apify: LocalApify) -> None:
    started(hook, SCENARIO, 3)
    next(hook.iterate_runs(SCENARIO))
    assert apify.control.ledger().requests["GET /v2/actors/{actorId}/runs"] == 1


def test_runs_and_actors_are_known_by_the_address_of_their_page(hook: ApifyHook, finished_run: str) -> None:
    run = hook.get_run(f"https://console.apify.com/actors/runs/{finished_run}")
    again = hook.start_run(f"https://console.apify.com/actors/{run.actor_id}/runs/{run.id}")
    assert (run.id, again.actor_id) == (finished_run, run.actor_id)


@pytest.mark.parametrize("ending", ["SUCCEEDED", "FAILED"])
async def test_a_key_starts_one_run_however_it_ends(hook: ApifyHook, apify: LocalApify, ending: str) -> None:
    since = datetime.now(UTC)
    first = await hook.async_start_run_once("day 1", SCENARIO, {"endAs": ending}, since=since)
    await asyncio.to_thread(hook.wait_for_run, first.id)
    again = await asyncio.to_thread(hook.start_run_once, "day 1", "apify/scenario", {"items": 1}, since=since)
    other = await hook.async_start_run_once("day 2", "apify/scenario", since=since)

    assert first.id == again.id != other.id
    assert apify.control.ledger().runs_started == 2


def test_a_key_is_the_target_s_own(hook: ApifyHook, task: Target, apify: LocalApify) -> None:
    runs = [hook.start_run_once("day 1", target, since=datetime.now(UTC)) for target in (SCENARIO, task)]

    assert len(set(ids(runs))) == apify.control.ledger().runs_started == 2


def test_a_run_of_long_ago_counts_for_a_key_only_while_it_goes_on(hook: ApifyHook) -> None:
    run = hook.start_run_once("day 1", SCENARIO, {"durationSecs": 60}, since=datetime.now(UTC))
    assert hook.start_run_once("day 1", SCENARIO, since=datetime.now(UTC) + timedelta(hours=2)).id == run.id

    hook.abort_run(run.id)
    hook.wait_for_run(run.id)

    assert hook.start_run_once("day 1", SCENARIO, since=datetime.now(UTC) + timedelta(hours=2)).id != run.id


@pytest.mark.parametrize("fault", ["cut-after-commit", "answer-after-commit"])
def test_a_start_whose_answer_is_lost_says_what_a_retry_would_cost_and_what_spares_it(
    hook: ApifyHook, apify: LocalApify, fault: str
) -> None:
    apify.control.add_fault(fault, path="*/runs", status=503)
    with pytest.raises(ApifyError, match="a retry of the task would start, and bill, another, where start_run_once"):
        hook.start_run(SCENARIO)
    assert apify.control.ledger().runs_started == 1


def test_the_run_of_a_key_is_said_to_be_that_of_an_earlier_call(hook: ApifyHook, logged: Callable[[], str]) -> None:
    since = datetime.now(UTC) - timedelta(hours=1)
    run = hook.start_run_once("key", SCENARIO, since=since)
    hook.start_run_once("key", SCENARIO, since=since)
    assert f"An earlier call with this key started run {run.id}: going on with it." in logged()
