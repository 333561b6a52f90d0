"""What users of the official client do with webhooks, schedules and their account."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from apify_client.errors import ApifyApiError

from local_apify import LocalApify
from tests.official.conftest import gathered

SCENARIO = "apify/scenario"


@pytest.fixture
def receiver(local_apify: LocalApify) -> str:
    """Return an address that answers, though it wants no POST."""
    return f"{local_apify.base_url}/shop/"


async def test_webhooks_are_created_once_changed_tested_and_deleted(official: Any, receiver: str) -> None:
    actor_id = (await official.actor(SCENARIO).get()).id
    spec = {"event_types": ["ACTOR.RUN.SUCCEEDED"], "request_url": receiver, "actor_id": actor_id}
    made = await official.webhooks().create(**spec, idempotency_key="once", do_not_retry=True)
    assert (await official.webhooks().create(**spec, idempotency_key="once")).id == made.id
    webhook = official.webhook(made.id)
    changed = await webhook.update(request_url=f"{receiver}?a=1", payload_template='{"a": {{resource}}}')
    assert (str(changed.request_url), changed.do_not_retry) == (f"{receiver}?a=1", True)
    assert (await webhook.get()).id == made.id
    for webhooks in (official.webhooks(), official.actor(SCENARIO).webhooks()):
        assert [each.id for each in (await webhooks.list(desc=True)).items] == [made.id]
        assert [each.id for each in await gathered(webhooks.iterate())] == [made.id]
    dispatch = await webhook.test()
    assert (await official.webhook_dispatch(dispatch.id).get()).event_type == "TEST"
    assert [each.id for each in (await webhook.dispatches().list()).items] == [dispatch.id]
    assert [each.id for each in await gathered(official.webhook_dispatches().iterate())] == [dispatch.id]
    await webhook.delete()
    assert await webhook.get() is None


async def test_a_task_knows_its_webhooks(official: Any, receiver: str) -> None:
    task = official.task("local/daily-crawl")
    spec = {"event_types": ["ACTOR.RUN.FAILED"], "request_url": receiver}
    made = await official.webhooks().create(**spec, actor_task_id=(await task.get()).id)
    assert [each.id for each in (await task.webhooks().list()).items] == [made.id]


async def test_builds_trigger_webhooks_too(official: Any, receiver: str) -> None:
    version = {"version_number": "0.1", "source_type": "SOURCE_FILES", "source_files": []}
    actor = official.actor((await official.actors().create(name="mine", versions=[version])).id)
    events = ["ACTOR.BUILD.CREATED", "ACTOR.BUILD.SUCCEEDED"]
    made = await official.webhooks().create(event_types=events, request_url=receiver, actor_id=(await actor.get()).id)
    await actor.build(version_number="0.1", wait_for_finish=60)
    assert (await official.webhook(made.id).get()).stats.total_dispatches == len(events)


async def test_a_schedule_is_created_changed_listed_and_deleted(official: Any) -> None:
    actor_id = (await official.actor(SCENARIO).get()).id
    made = await official.schedules().create(
        cron_expression="0 6 * * mon",
        is_enabled=True,
        is_exclusive=True,
        name="mine",
        timezone="Europe/Prague",
        actions=[{"type": "RUN_ACTOR", "actor_id": actor_id}],
    )
    assert (made.next_run_at.weekday(), made.actions[0].actor_id) == (0, actor_id)
    schedule = official.schedule(made.id)
    assert (await schedule.update(is_enabled=False, title="Mine")).next_run_at is None
    assert (await schedule.get()).title == "Mine"
    assert [each.id for each in (await official.schedules().list()).items] == [made.id]
    assert [each.id for each in await gathered(official.schedules().iterate(desc=True))] == [made.id]
    with pytest.raises(ApifyApiError, match="never due"):
        await schedule.update(cron_expression="never")
    await schedule.delete()
    assert await schedule.get() is None


async def test_a_schedule_starts_what_it_says(official: Any, local_apify: LocalApify) -> None:
    actor_id = (await official.actor(SCENARIO).get()).id
    task = await official.tasks().create(actor_id=actor_id, name="mine", task_input={"items": 1}, memory_mbytes=256)
    body = {"body": '{"durationSecs": 600}', "content_type": "application/json"}
    made = await official.schedules().create(
        cron_expression="@yearly",
        is_enabled=True,
        is_exclusive=True,
        name="mine",
        actions=[
            {"type": "RUN_ACTOR_TASK", "actor_task_id": task.id, "input": {"items": 2}},
            {"type": "RUN_ACTOR", "actor_id": actor_id, "run_input": body, "run_options": {"memory_mbytes": 512}},
        ],
    )
    local_apify.control.fire_schedule(made.id)
    local_apify.control.fire_schedule(made.id)
    runs = (await official.runs().list()).items
    assert [each.meta.origin for each in runs] == ["SCHEDULER", "SCHEDULER"]
    first, second = [await official.run(each.id).get() for each in runs]
    assert (first.options.memory_mbytes, second.options.memory_mbytes) == (256, 512)
    stored = await official.key_value_store(first.default_key_value_store_id).get_record("INPUT")
    assert stored["value"] == {"items": 2}
    log = await official.schedule(made.id).get_log()
    assert [each.level for each in log] == ["INFO", "WARN"]


async def test_the_account_tells_who_it_is_what_it_may_and_what_it_used(official: Any) -> None:
    await official.actor(SCENARIO).call(run_input={"durationSecs": 0.2}, logger=None)
    assert (await official.user().get()).username == "local"
    assert (await official.user("local").get()).username == "local"
    usage = await official.user().monthly_usage()
    assert usage.monthly_service_usage["ACTOR_COMPUTE_UNITS"].quantity > 0
    assert usage.total_usage_credits_usd_after_volume_discount > 0
    await official.user().update_limits(max_monthly_usage_usd=300, data_retention_days=30)
    limits = (await official.user().limits()).limits
    assert (limits.max_monthly_usage_usd, limits.data_retention_days) == (300, 30)


async def test_who_has_used_up_the_month_starts_nothing(official: Any, finished: Callable[[], Any]) -> None:
    await finished()
    await official.user().update_limits(max_monthly_usage_usd=1e-12)
    with pytest.raises(ApifyApiError, match="Monthly usage hard limit exceeded"):
        await official.actor(SCENARIO).start(run_input={})


@pytest.fixture
def finished(official: Any) -> Callable[[], Any]:
    """Return what runs an Actor to its end."""
    return lambda: official.actor(SCENARIO).call(run_input={}, logger=None)
