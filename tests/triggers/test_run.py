from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any, Literal

import pytest
from airflow.models.trigger import Trigger
from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_apify._airflow.instance_state import state_of
from airflow_provider_apify._api import sessions
from airflow_provider_apify.exceptions import ApifyNotFoundError
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.models.runs import RunEvent
from airflow_provider_apify.operators.run_actor import RunActorOperator
from airflow_provider_apify.options import Target
from airflow_provider_apify.triggers import _guard, run as module
from airflow_provider_apify.triggers.run import ApifyLastRunTrigger, ApifyRunTrigger
from local_apify import LocalApify
from tests.dag_runs import DagRunner, in_a_triggerer, serde

SCENARIO = Target("actor", "apify/scenario")
WATCH = "GET /v2/actor-runs/{runId}"
LOOK = "GET /v2/actors/{actorId}/runs/last"
LOOKS = 600


async def start(**run_input: Any) -> str:
    """Start a run and return its ID."""
    return (await asyncio.to_thread(ApifyHook().start_run, SCENARIO, run_input)).id


async def until(condition: Callable[[], bool]) -> None:
    """Look in a thread, again and again, until something is so."""
    for _ in range(LOOKS):
        if await asyncio.to_thread(condition):
            return
        await asyncio.sleep(0.02)
    raise TimeoutError


async def first_event(trigger: BaseTrigger) -> RunEvent:
    """Run a trigger to its first event, as the task will read it."""
    return RunEvent.from_payload((await anext(trigger.run())).payload)


@pytest.mark.parametrize(
    "trigger",
    [
        ApifyRunTrigger(
            run_id="abc", deadline=1.5, poll_interval=5, settle=10.0, abort_on_kill=True, abort_at_limit=True
        ),
        ApifyRunTrigger(run_id="abc"),
        ApifyLastRunTrigger(target_kind="task", target_id="me/nightly", status="SUCCEEDED", origin="API"),
    ],
    ids=["all arguments", "defaults", "last run"],
)
def test_a_trigger_survives_the_way_through_the_database(trigger: BaseTrigger) -> None:
    path, arguments = trigger.serialize()
    assert serde().deserialize(serde().serialize(arguments)) == arguments

    row = Trigger.from_object(trigger)
    rebuilt = getattr(module, row.classpath.rpartition(".")[2])(**row.kwargs)
    assert rebuilt.serialize() == (path, arguments)


def test_a_trigger_carries_no_token(apify: LocalApify) -> None:
    trigger = ApifyRunTrigger(run_id="abc")
    assert trigger.hook._connection.access.token == apify.token

    assert apify.token not in str(trigger.serialize()) + repr(vars(trigger))


@pytest.mark.parametrize("poll_interval", [None, 0.1])
async def test_the_trigger_fires_when_the_run_is_finished(apify: LocalApify, poll_interval: float | None) -> None:
    run_id = await start(durationSecs=0.3, exitMessage="All there.")
    event = await first_event(ApifyRunTrigger(run_id=run_id, poll_interval=poll_interval))

    assert (event.run.id, event.run.status, event.run.status_message) == (run_id, "SUCCEEDED", "All there.")
    assert not event.deadline_passed
    assert apify.control.ledger().requests[WATCH] >= 1


@pytest.mark.parametrize("status", ["FAILED", "ABORTED", "TIMED-OUT"])
async def test_a_bad_end_is_an_event_like_any_other(apify: LocalApify, status: str) -> None:
    event = await first_event(ApifyRunTrigger(run_id=await start(endAs=status)))

    assert event.run.status == status
    assert apify.control.ledger().runs_started == 1


async def test_the_trigger_fires_at_its_deadline_and_leaves_a_run_alone_that_is_not_its_task_s(
    apify: LocalApify,
) -> None:
    run_id = await start(durationSecs=600)
    event = await first_event(ApifyRunTrigger(run_id=run_id, deadline=time.time() + 1, abort_on_kill=True))

    assert event.deadline_passed
    assert apify.control.ledger().runs[0].is_going


LIMITS: list[dict[str, Any]] = [{"deadline": 1.0}, {"cost_limit": 1e-12, "poll_interval": 0.1}]


@pytest.mark.parametrize("limit", LIMITS, ids=["deadline", "cost limit"])
async def test_a_run_at_its_limit_is_aborted_before_its_task_gets_a_worker(
    apify: LocalApify, limit: dict[str, Any]
) -> None:
    event = await first_event(ApifyRunTrigger(run_id=await start(durationSecs=600), abort_at_limit=True, **limit))

    assert event.deadline_passed is ("deadline" in limit)
    assert event.run.is_stopped
    assert apify.control.ledger().runs[0].aborted_by_request


async def test_a_run_at_its_limit_that_cannot_be_aborted_is_left_to_its_task(apify: LocalApify) -> None:
    run_id = await start(durationSecs=600)
    await asyncio.to_thread(
        apify.control.add_fault,
        "answer",
        path="/v2/actor-runs/*/abort",
        status=403,
        error_type="insufficient-permissions",
    )
    event = await first_event(ApifyRunTrigger(run_id=run_id, deadline=1.0, abort_at_limit=True))

    assert event.deadline_passed
    assert event.run.is_going


async def test_an_unknown_run_is_an_error_of_the_trigger(apify: LocalApify) -> None:
    with pytest.raises(ApifyNotFoundError):
        await first_event(ApifyRunTrigger(run_id="noSuchRun"))
    assert apify.control.ledger().runs_started == 0


async def test_a_trigger_gets_over_an_outage_and_says_so(apify: LocalApify, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    run_id = await start(durationSecs=0.1)
    await asyncio.to_thread(
        apify.control.add_fault, "answer", path="/v2/actor-runs/*", status=503, times=3, method="GET"
    )

    trigger = ApifyRunTrigger(run_id=run_id)
    monkeypatch.setattr(trigger.hook.log, "warning", told.append)

    assert (await first_event(trigger)).run.status == "SUCCEEDED"
    assert len(told) == 3
    assert all(f"GET /v2/actor-runs/{run_id}: HTTP 503" in words and "Asking again in" in words for words in told)


async def test_fifty_triggers_share_one_session_and_do_not_all_ask_at_once(apify: LocalApify) -> None:
    run_id = await start(durationSecs=600)
    triggers = [ApifyRunTrigger(run_id=run_id) for _ in range(50)]
    delays = {trigger._wait_for_run.keywords["first_delay"] for trigger in triggers}
    events = [asyncio.create_task(first_event(trigger)) for trigger in triggers]
    await until(lambda: apify.control.ledger().requests.get(WATCH, 0) == len(triggers))

    (shared,) = sessions._shared_sessions.values()
    assert shared.users == len(triggers)
    assert len(delays) == len(triggers)
    assert max(delays) <= 1
    await asyncio.to_thread(ApifyHook().abort_run, run_id)
    assert {event.run.status for event in await asyncio.gather(*events)} == {"ABORTED"}
    assert shared.session.closed
    assert len(sessions._shared_sessions) == 0


async def test_the_newest_run_is_found_and_watched(apify: LocalApify) -> None:
    await start(endAs="FAILED")
    run_id = await start(durationSecs=0.2)
    trigger = ApifyLastRunTrigger(target_kind="actor", target_id=SCENARIO.id, origin="API")

    assert (await first_event(trigger)).run.id == run_id
    assert apify.control.ledger().runs_started == 2


async def test_a_run_that_does_not_exist_yet_is_waited_for(apify: LocalApify) -> None:
    trigger = ApifyLastRunTrigger(target_kind="actor", target_id=SCENARIO.id, poke_interval=0.05)
    event = asyncio.create_task(first_event(trigger))
    await until(lambda: apify.control.ledger().requests.get(LOOK, 0) >= 2)
    run_id = await start()

    assert (await event).run.id == run_id


@pytest.mark.parametrize("kind", ["actor", "task"])
async def test_a_target_that_does_not_exist_is_not_waited_for(
    apify: LocalApify, kind: Literal["actor", "task"]
) -> None:
    trigger = ApifyLastRunTrigger(target_kind=kind, target_id="local/mistyped")
    with pytest.raises(ApifyNotFoundError, match="Check the ID"):
        await first_event(trigger)
    assert sum(apify.control.ledger().requests.values()) == 2


async def test_the_trigger_of_a_sensor_never_aborts(apify: LocalApify) -> None:
    trigger = ApifyRunTrigger(run_id=await start(durationSecs=600))
    await trigger.on_kill()

    assert apify.control.ledger().runs[0].is_going


class Script(BaseTrigger):
    """Does in a triggerer what a test wants done there."""

    def __init__(self, play: Callable[[], Awaitable[None]]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._play = play

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return "", {}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        await self._play()
        yield TriggerEvent({})  # type: ignore[no-untyped-call]


@pytest.fixture
def deferred(airflow: DagRunner) -> Any:
    """Return the task instance, left in Airflow's database, of a task whose run goes on."""
    operator = RunActorOperator(
        task_id="task", actor_id=SCENARIO.id, run_input={"durationSecs": 600}, wait_for_completion=False
    )
    instance = airflow.run_task(operator).task_instance()
    instance.set_state("deferred")
    return instance


def trigger_of(apify: LocalApify, instance: Any, **arguments: Any) -> ApifyRunTrigger:
    """Return the trigger that watches the run of a task."""
    (run,) = apify.control.ledger().runs
    trigger = ApifyRunTrigger(run_id=run.run_id, **({"abort_on_kill": True} | arguments))
    trigger.task_instance = instance
    return trigger


async def cancel(apify: LocalApify, trigger: ApifyRunTrigger) -> None:
    """End a trigger as its triggerer does, while it waits."""
    waiting = asyncio.create_task(first_event(trigger))
    await until(lambda: apify.control.ledger().requests.get(WATCH, 0) == 1)
    waiting.cancel()
    with suppress(asyncio.CancelledError):
        await waiting


@pytest.mark.parametrize("state", ["failed", "success", None], ids=["marked failed", "marked success", "cleared"])
def test_a_run_whose_task_a_user_has_ended_is_aborted(apify: LocalApify, deferred: Any, state: str | None) -> None:
    deferred.set_state(state)
    in_a_triggerer(Script(trigger_of(apify, deferred).on_kill), deferred)

    assert apify.control.ledger().runs[0].aborted_by_request


@pytest.mark.parametrize(("state", "is_aborted"), [("failed", True), ("deferred", False)])
def test_airflow_is_asked_again_where_it_does_not_tell_the_state_of_a_task(
    apify: LocalApify, deferred: Any, monkeypatch: pytest.MonkeyPatch, state: str, is_aborted: bool
) -> None:
    asks, troubles = state_of, iter([ConnectionError("no answer"), TimeoutError("no answer either")])

    def state_at_the_third_time(instance: Any) -> str | None:
        for trouble in troubles:
            raise trouble
        return asks(instance)

    monkeypatch.setattr(_guard, "state_of", state_at_the_third_time)
    monkeypatch.setattr(_guard, "_PAUSES", (0.0,) * 3)
    deferred.set_state(state)
    in_a_triggerer(Script(trigger_of(apify, deferred).on_kill), deferred)

    assert apify.control.ledger().runs[0].aborted_by_request is is_aborted


def test_a_run_whose_task_is_still_deferred_is_left_to_who_watches_it_now(
    apify: LocalApify, deferred: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[str] = []
    trigger = trigger_of(apify, deferred)
    monkeypatch.setattr(trigger.log, "info", lambda words, *values: lines.append(words % values))
    in_a_triggerer(Script(trigger.on_kill), deferred)

    (run,) = apify.control.ledger().runs
    assert run.is_going
    assert any(f"in a later attempt. That one decides about run {run.run_id}" in line for line in lines)


def test_a_run_that_does_not_belong_to_the_task_goes_on(apify: LocalApify, deferred: Any) -> None:
    deferred.set_state("failed")
    in_a_triggerer(Script(trigger_of(apify, deferred, abort_on_kill=False).on_kill), deferred)

    assert apify.control.ledger().runs[0].is_going


def test_a_triggerer_that_shuts_down_aborts_nothing(apify: LocalApify, deferred: Any) -> None:
    trigger = trigger_of(apify, deferred)
    in_a_triggerer(Script(lambda: cancel(apify, trigger)), deferred)

    (run,) = apify.control.ledger().runs
    assert run.is_going
    assert not run.aborted_by_request


@pytest.mark.parametrize(("state", "is_aborted"), [("failed", True), ("deferred", False)])
def test_an_airflow_that_only_cancels_triggers_is_understood_too(
    apify: LocalApify, deferred: Any, monkeypatch: pytest.MonkeyPatch, state: str, is_aborted: bool
) -> None:
    monkeypatch.setattr(module, "_AIRFLOW_CALLS_ON_KILL", False)
    deferred.set_state(state)
    trigger = trigger_of(apify, deferred)
    in_a_triggerer(Script(lambda: cancel(apify, trigger)), deferred)

    assert apify.control.ledger().runs[0].aborted_by_request is is_aborted


@pytest.mark.parametrize("fault", [{"action": "cut-before-commit"}, {"action": "answer", "status": 503, "times": 3}])
async def test_an_abort_outlives_airflow_s_cancelling_it_again_and_again(
    apify: LocalApify, fault: dict[str, Any]
) -> None:
    run_id = await start(durationSecs=600)
    await asyncio.to_thread(lambda: apify.control.add_fault(**fault, method="POST", path="/v2/actor-runs/*/abort"))
    trigger = ApifyRunTrigger(run_id=run_id, abort_on_kill=True)

    killing = asyncio.create_task(trigger.on_kill())
    await asyncio.sleep(0)
    killing.cancel()
    with suppress(asyncio.CancelledError):
        await killing

    await until(lambda: not apify.control.ledger().runs_going)
