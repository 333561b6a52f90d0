"""What an account has used."""

from __future__ import annotations

from datetime import timedelta

import pytest

from local_apify import Settings, actor
from local_apify.world.account import User
from local_apify.world.clock import now
from local_apify.world.commons import Blueprint
from local_apify.world.context import ActorContext
from local_apify.world.cycle import cycle_of
from local_apify.world.realm import Realm
from local_apify.world.runs import Caller, RunOptions
from tests.local_apify.client import Client


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
    assert world.usage(cycle_of(now())).compute_units == 0
    assert world.usage(before).compute_units == pytest.approx(1)


def test_a_run_that_is_deleted_stays_paid(client: Client) -> None:
    limits, run = "/v2/users/me/limits", client.finish({"chargedEvents": {"page": 100}})
    client.send("DELETE", f"/v2/actor-runs/{run['id']}").raise_for_status()

    assert client.data("GET", limits)["current"]["monthlyUsageUsd"] == pytest.approx(1, abs=0.001)
    services = client.data("GET", "/v2/users/me/usage/monthly")["monthlyServiceUsage"]
    assert services["PAID_ACTORS_PER_EVENT"]["quantity"] == 100
