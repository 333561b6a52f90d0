"""Tasks that wait for a run whose end a webhook tells: each is woken once, not too early, and with the run as it is."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.models.runs import ActorRun
from airflow_provider_apify.triggers._base import HOLD_SECONDS
from local_apify import LocalApify
from tests.dag_runs import AIRFLOW_VERSION

pytestmark = pytest.mark.skipif(AIRFLOW_VERSION.startswith("2."), reason="Airflow 2 has no receiver")


class Waiting:
    """Airflow's database, as far as it has tasks that wait; they wait on when they were woken, as a slow one's do."""

    def __init__(self) -> None:
        self.tasks: list[Any] = []
        self.woken: list[tuple[int, dict[str, Any]]] = []

    def task(
        self, run: ActorRun, *, seconds: float, settle: float = 0.0, poll_interval: float | None = 3_600.0
    ) -> None:
        """Have a task that has waited for a run so long."""
        from airflow_provider_apify._airflow.database import WaitingTrigger  # noqa: PLC0415 - Airflow 3

        since = datetime.now(UTC) - timedelta(seconds=seconds)
        arguments = {"run_id": run.id, "settle": settle, "poll_interval": poll_interval}
        self.tasks.append(WaitingTrigger(len(self.tasks), arguments, since))

    @property
    def statuses(self) -> list[tuple[int, str]]:
        return [(trigger_id, payload["run"]["status"]) for trigger_id, payload in self.woken]


@pytest.fixture
def waiting(airflow_db: None, monkeypatch: pytest.MonkeyPatch) -> Waiting:  # noqa: ARG001 - imported with it
    made, module = Waiting(), "airflow_provider_apify._receiver.telling.database"
    monkeypatch.setattr(f"{module}.waiting_triggers", lambda *_: made.tasks)
    monkeypatch.setattr(f"{module}.wake", lambda *woken: made.woken.append(woken))
    monkeypatch.setattr("airflow_provider_apify._receiver.telling._READ_SECONDS", 0.5)
    return made


async def wake(run: ActorRun, *, times: int = 1) -> None:
    """Tell of an end so often, and wait until all is done that comes of it."""
    from airflow_provider_apify._receiver.telling import Teller  # noqa: PLC0415 - Airflow 3

    teller, hook, others = Teller(), ApifyHook(), asyncio.all_tasks()
    for _ in range(times):
        await teller.wake_tasks(hook, run)
    await asyncio.wait_for(asyncio.gather(*asyncio.all_tasks() - others), 60)


async def finished(**run_input: Any) -> ActorRun:
    hook = ApifyHook()
    run = await asyncio.to_thread(hook.start_run, "apify/scenario", run_input)
    return (await hook.async_wait_for_run(run.id)).run


async def test_all_tasks_that_wait_for_the_run_are_woken_once(apify: LocalApify, waiting: Waiting) -> None:
    run, other = await finished(), await finished()
    for each in (run, run, other):
        waiting.task(each, seconds=HOLD_SECONDS - 0.5)
    before = apify.control.ledger().requests
    await wake(run, times=20)
    assert sorted(waiting.statuses) == [(0, "SUCCEEDED"), (1, "SUCCEEDED")]
    read = "GET /v2/actor-runs/{runId}"
    assert apify.control.ledger().requests[read] - before[read] == 2


@pytest.mark.usefixtures("apify")
async def test_a_task_that_long_polls_sees_the_end_by_itself(waiting: Waiting) -> None:
    run = await finished()
    waiting.task(run, seconds=3_600, poll_interval=None)
    waiting.task(run, seconds=3_600)
    await wake(run)
    assert waiting.statuses == [(1, "SUCCEEDED")]


@pytest.mark.usefixtures("apify")
async def test_a_run_that_is_resurrected_before_its_task_may_be_woken_leaves_it_asleep(waiting: Waiting) -> None:
    run = await finished(durationSecs=3)
    waiting.task(run, seconds=HOLD_SECONDS - 0.5)
    await asyncio.to_thread(ApifyHook().resurrect_run, run.id)
    await wake(run)
    assert waiting.woken == []


@pytest.mark.usefixtures("apify")
async def test_a_clock_of_apify_that_is_ahead_keeps_no_task_asleep(waiting: Waiting) -> None:
    run = await finished()
    waiting.task(run, seconds=3_600, settle=0.2)
    await wake(replace(run, finished_at=run.finished_at and run.finished_at.add(hours=1)))
    assert waiting.statuses == [(0, "SUCCEEDED")]
