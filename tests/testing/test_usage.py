"""What an account has used."""

from __future__ import annotations

from datetime import timedelta

import pytest

from airflow_provider_apify.testing import Settings, actor
from airflow_provider_apify.testing.account import User
from airflow_provider_apify.testing.actor import ActorContext
from airflow_provider_apify.testing.clock import now
from airflow_provider_apify.testing.realm import Blueprint, Realm
from airflow_provider_apify.testing.runs import Caller, RunOptions
from airflow_provider_apify.testing.usage import compute_units, cycle_of


@actor("me/idle")
async def idle(context: ActorContext) -> None:
    context.log("Nothing to do.")


def test_compute_units_are_counted_in_the_month_of_their_run() -> None:
    users = (User("me", "t"),)
    blueprint = Blueprint(base_url="http://local", users=users, settings=Settings(), actors=(idle,), tasks=())
    world = Realm(blueprint).first
    options = RunOptions(build="latest", timeout_secs=60, memory_mbytes=1024)
    caller = Caller(user_agent=None, client_ip=None, headers={})
    run = world.create_run(idle, task=None, options=options, build="0.1.1", caller=caller)
    before = cycle_of(cycle_of(now()).start - timedelta(days=1))
    run.started_at, run.finished_at = before.start, before.start + timedelta(hours=1)
    assert compute_units(world, cycle_of(now())) == 0
    assert compute_units(world, before) == pytest.approx(1)
