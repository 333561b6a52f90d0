"""What users of the official client do with runs, logs and saved tasks."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from apify_client.errors import ApifyApiError

from local_apify import LocalApify
from tests.official.conftest import gathered, whole

SCENARIO = "apify/scenario"
PLAN = {"items": 3, "records": {"OUTPUT": {"a": 1}}, "logLines": 3}
FOREVER = {"durationSecs": 600}


async def running(official: Any, plan: dict[str, Any] | None = None) -> Any:
    """Start a run that goes on, and return a client of it once it is running."""
    run = official.run((await official.actor(SCENARIO).start(run_input=plan or FOREVER)).id)
    for _ in range(1000):
        if (await run.get()).status == "RUNNING":
            return run
    raise AssertionError("The run has not begun.")


async def test_an_actor_is_called_and_its_results_are_read(official: Any) -> None:
    run = await official.actor(SCENARIO).call(run_input=PLAN, memory_mbytes=256, logger=None)
    assert (run.status, run.options.memory_mbytes) == ("SUCCEEDED", 256)
    assert len((await official.dataset(run.default_dataset_id).list_items()).items) == 3
    assert (await official.key_value_store(run.default_key_value_store_id).get_record("OUTPUT"))["value"] == {"a": 1}
    client = official.run(run.id)
    assert len(await gathered(client.dataset().iterate_items())) == 3
    assert (await client.key_value_store().get_record("INPUT"))["value"] == PLAN
    assert (await client.request_queue().get()).id == run.default_request_queue_id


async def test_a_run_is_started_with_options_and_waited_for(official: Any) -> None:
    webhook = {"event_types": ["ACTOR.RUN.SUCCEEDED"], "request_url": "http://127.0.0.1:9/"}
    run = await official.actor(SCENARIO).start(
        run_input={"chargedEvents": {"item": 2}},
        build="latest",
        max_items=7,
        max_total_charge_usd=Decimal("0.5"),
        memory_mbytes=512,
        run_timeout=timedelta(seconds=90),
        restart_on_error=False,
        wait_for_finish=1,
        webhooks=[webhook],
    )
    assert (run.options.max_items, run.options.timeout_secs) == (7, 90)
    ended = await official.run(run.id).wait_for_finish()
    assert ended.status == "SUCCEEDED"
    assert (await official.run(run.id).wait_for_finish(wait_duration=timedelta(seconds=1))).status == "SUCCEEDED"
    dispatches = (await official.webhook_dispatches().list()).items
    assert [each.event_type for each in dispatches] == ["ACTOR.RUN.SUCCEEDED"]
    assert await official.run("nothing").get() is None


async def test_a_run_is_aborted_resurrected_and_deleted(official: Any) -> None:
    run = await running(official)
    await run.abort(gracefully=True)
    assert (await run.wait_for_finish()).status == "ABORTED"
    assert (await run.resurrect(memory_mbytes=2048, run_timeout=timedelta(seconds=90))).options.memory_mbytes == 2048
    await run.abort()
    await run.wait_for_finish()
    await run.delete()
    assert await run.get() is None


async def test_a_run_is_rebooted_transformed_and_described(official: Any) -> None:
    run = await running(official)
    assert (await run.reboot()).stats.reboot_count == 1
    assert (await run.metamorph(target_actor_id="apify/hello-world", run_input={"message": "hi"})).id == (
        await run.get()
    ).id
    assert (await run.wait_for_finish()).status == "SUCCEEDED"
    assert (await run.update(general_access="RESTRICTED")).general_access == "RESTRICTED"
    going = await running(official)
    described = await going.update(status_message="Half of it", is_status_message_terminal=False)
    assert described.status_message == "Half of it"


async def test_events_are_charged(official: Any, local_apify: LocalApify) -> None:
    run = await running(official)
    await run.charge(event_name="item", count=3, idempotency_key="once")
    await run.charge(event_name="item", count=3, idempotency_key="once")
    with pytest.raises(ApifyApiError, match="no event"):
        await run.charge(event_name="nothing")
    await run.abort()
    local_apify.control.settings(cost_settles_seconds=0)
    assert (await run.wait_for_finish()).charged_event_counts == {"item": 3}


async def test_runs_are_listed_by_status_time_and_owner(official: Any) -> None:
    good = await official.actor(SCENARIO).call(run_input={}, logger=None)
    bad = await official.actor(SCENARIO).call(run_input={"endAs": "FAILED"}, logger=None)
    await official.actor("apify/hello-world").call(logger=None)
    before, after = (datetime.now(UTC) + timedelta(hours=hours) for hours in (1, -1))
    runs = official.actor(SCENARIO).runs()
    assert [run.id for run in (await runs.list(status="FAILED")).items] == [bad.id]
    found = await gathered(runs.iterate(status=["FAILED", "SUCCEEDED"], started_after=after, desc=True))
    assert [run.id for run in found] == [bad.id, good.id]
    assert (await official.runs().list(started_before=before, limit=2)).total == 3
    assert (await official.actor(SCENARIO).last_run(status="SUCCEEDED").get()).id == good.id
    assert (await official.actor(SCENARIO).last_run(origin="API").get()).id == bad.id
    assert await official.actor(SCENARIO).last_run(status="ABORTED").get() is None
    last = official.actor(SCENARIO).last_run()
    assert "ACTOR" in await last.log().get()
    assert (await last.dataset().get()).id == bad.default_dataset_id


async def test_a_log_is_read_whole_and_as_a_stream(official: Any) -> None:
    run = await official.actor(SCENARIO).call(run_input=PLAN, logger=None)
    text = await official.run(run.id).log().get()
    assert "ACTOR: Starting build" in text
    assert await official.log(run.id).get_as_bytes(raw=True) == text.encode()
    async with official.log(run.id).stream(raw=True) as answer:
        assert await whole(answer) == text.encode()
    assert await official.log("nothing").get() is None


async def test_a_log_is_redirected_while_it_is_written(official: Any, caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("redirected")
    caplog.set_level(logging.DEBUG, "redirected")
    run = await official.actor(SCENARIO).call(run_input={**PLAN, "durationSecs": 0.2}, logger=logger)
    assert run.status == "SUCCEEDED"
    assert "ACTOR: Starting build" in caplog.text


async def test_a_saved_task_is_created_changed_started_and_deleted(official: Any) -> None:
    actor_id = (await official.actor(SCENARIO).get()).id
    made = await official.tasks().create(
        actor_id=actor_id, name="mine", task_input={"items": 1}, memory_mbytes=512, title="Mine"
    )
    task = official.task(made.id)
    assert (await task.update(task_input={"items": 2}, run_timeout=timedelta(seconds=60))).title == "Mine"
    assert await task.get_input() == {"items": 2}
    assert await task.update_input(task_input={"logLines": 1}) == {"items": 2, "logLines": 1}
    assert "mine" in [each.name for each in (await official.tasks().list()).items]
    assert made.id in [each.id for each in await gathered(official.tasks().iterate(desc=True))]
    called = await official.task("local/mine").call(task_input={"items": 4})
    assert len((await official.dataset(called.default_dataset_id).list_items()).items) == 4
    started = await task.start(wait_for_finish=60, max_items=1)
    assert (started.status, started.options.memory_mbytes) == ("SUCCEEDED", 512)
    assert len(await gathered(task.runs().iterate())) == 2
    assert (await task.last_run(status="SUCCEEDED").get()).id == started.id
    await task.delete()
    assert await task.get() is None


async def test_an_error_says_what_apify_says(official: Any) -> None:
    with pytest.raises(ApifyApiError) as caught:
        await official.actor("nobody/nothing").start()
    assert (caught.value.status_code, caught.value.type) == (404, "record-not-found")
    with pytest.raises(ApifyApiError) as caught:
        await official.actor(SCENARIO).start(memory_mbytes=100)
    assert caught.value.type == "invalid-parameter"
