"""The account: limits, room, usage."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pendulum
import pytest

from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.models.account import Room
from local_apify import LocalApify
from tests.local_apify.client import limit_usage, until

SCENARIO = "apify/scenario"


@pytest.fixture
def hook(apify: LocalApify) -> ApifyHook:  # noqa: ARG001 - where it leads
    return ApifyHook()


def test_the_room_of_an_account_is_what_its_runs_leave(hook: ApifyHook, apify: LocalApify) -> None:
    apify.control.settings(max_memory_mbytes=8192, max_concurrent_runs=25)
    limit_usage(apify, 29)
    before = hook.get_limits()
    run = hook.start_run(SCENARIO, {"durationSecs": 600, "chargedEvents": {"page": 100}})
    until(lambda: hook.get_run(run.id).status == "RUNNING")

    assert before.room == before.whole == Room(8192, 25, Decimal(29))
    assert (before.cycle.end_at - before.cycle.start_at).in_days() in range(28, 32)
    assert before.limits.data_retention_days == 7
    after = hook.get_limits()
    assert (after.room.memory, after.room.run_slots) == (8192 - 256, 24)
    assert after.room.budget_usd < 29
    assert after.current.active_actor_job_count == 1
    assert isinstance(after.current.monthly_usage_usd, Decimal)


async def test_the_event_loop_sees_the_same_limits(apify: LocalApify) -> None:  # noqa: ARG001 - where the hook leads
    limits = await ApifyHook().async_get_limits()

    assert limits.room == limits.whole


def test_the_usage_of_a_month_in_all_and_by_day(hook: ApifyHook, apify: LocalApify) -> None:
    run = hook.start_run(SCENARIO, {"chargedEvents": {"page": 100}})
    hook.wait_for_run(run.id, settle=0.3)
    usage = hook.get_monthly_usage()

    assert usage.cycle.start_at <= pendulum.now("UTC") < usage.cycle.end_at
    assert usage.total_usd == usage.total_before_discount_usd
    assert sum(item.base_amount_usd for item in usage.services.values()) == pytest.approx(usage.total_usd)
    assert usage.total_usd >= 1
    assert [day.date[:10] for day in usage.days] == [apify.control.ledger().runs[0].started_at[:10]]
    assert usage.days[0].total_usd == usage.total_usd


def test_the_usage_of_another_month_is_another(hook: ApifyHook) -> None:
    hook.wait_for_run(hook.start_run(SCENARIO).id)
    long_ago = pendulum.now("UTC") - timedelta(days=90)
    usage = hook.get_monthly_usage(long_ago.date())

    assert usage.cycle.start_at <= long_ago < usage.cycle.end_at
    assert usage.days == ()
    assert usage.total_usd == 0


@pytest.mark.parametrize(
    ("needed", "is_enough"),
    [
        (Room(), True),
        (Room(1024, 1, Decimal("0.5")), True),
        (Room(memory=2048), False),
        (Room(run_slots=2), False),
        (Room(budget_usd=Decimal("0.51")), False),
    ],
)
def test_room_is_enough_when_nothing_of_what_is_needed_is_missing(needed: Room, is_enough: bool) -> None:
    assert Room(1024, 1, Decimal("0.5")).is_enough_for(needed) is is_enough


def test_who_needs_no_budget_does_not_mind_that_it_is_overdrawn() -> None:
    assert Room(1024, 1, Decimal(-3)).is_enough_for(Room(run_slots=1))


def test_room_survives_the_way_through_json() -> None:
    room = Room(1024, 1, Decimal("0.1"))
    assert Room.from_dict(room.to_dict()) == room
