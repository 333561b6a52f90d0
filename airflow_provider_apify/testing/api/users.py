"""The user behind the token, and the limits of the account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_apify.testing.account import USER_ID, USERNAME
from airflow_provider_apify.testing.api.call import Call, Endpoint, data
from airflow_provider_apify.testing.clock import iso
from airflow_provider_apify.testing.errors import not_found
from airflow_provider_apify.testing.run_shapes import PRICES_SINCE

if TYPE_CHECKING:
    from starlette.responses import Response

    from airflow_provider_apify.testing.world import World

_PROFILE = {"name": "Local Apify"}
_FEATURES = (
    "ACTORS",
    "STORAGE",
    "SCHEDULER",
    "PROXY",
    "PROXY_EXTERNAL_ACCESS",
    "PROXY_RESIDENTIAL",
    "PROXY_SERPS",
    "WEBHOOKS",
    "ACTORS_PUBLIC_ALL",
    "ACTORS_PUBLIC_DEVELOPER",
)
_ENABLED = {
    "isEnabled": True,
    "disabledReason": None,
    "disabledReasonType": None,
    "isTrial": False,
    "trialExpirationAt": None,
}


async def get_user(call: Call) -> Response:
    """Get what everybody may know of a user."""
    if call.path["userId"] not in {USER_ID, USERNAME}:
        raise not_found("User")
    return data({"username": USERNAME, "profile": _PROFILE})


async def get_me(_call: Call) -> Response:
    """Get the user whose token it is."""
    return data(
        {
            "id": USER_ID,
            "username": USERNAME,
            "profile": _PROFILE,
            "email": "local@example.com",
            "plan": {"id": "LOCAL", "description": "A local Apify", "isEnabled": True, "availableProxyGroups": {}},
            "effectivePlatformFeatures": dict.fromkeys(_FEATURES, _ENABLED),
            "createdAt": PRICES_SINCE,
            "isPaying": False,
        }
    )


async def get_limits(call: Call) -> Response:
    """Get the limits of the account, and how much of them is used."""
    world = call.world
    start = world.created_at.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    end = start.replace(year=start.year + start.month // 12, month=start.month % 12 + 1)
    cycle = {"startAt": iso(start), "endAt": iso(end)}
    return data({"monthlyUsageCycle": cycle, "limits": _limits(world), "current": _current(world)})


def _limits(world: World) -> dict[str, Any]:
    return {
        "maxMonthlyUsageUsd": 1_000_000,
        "maxMonthlyActorComputeUnits": 1_000_000,
        "maxMonthlyExternalDataTransferGbytes": 1_000_000,
        "maxMonthlyProxySerps": 0,
        "maxMonthlyResidentialProxyGbytes": 0,
        "maxActorMemoryGbytes": world.settings.max_memory_mbytes / 1024,
        "maxActorCount": 1000,
        "maxActorTaskCount": 5000,
        "maxConcurrentActorJobs": world.settings.max_concurrent_runs,
        "maxTeamAccountSeatCount": 1,
        "dataRetentionDays": 7,
    }


def _current(world: World) -> dict[str, Any]:
    going = list(world.going())
    settles = world.settings.cost_settles_seconds
    return {
        "monthlyUsageUsd": round(sum(run.cost_usd(settles) for run in world.runs.values()), 6),
        "monthlyActorComputeUnits": sum(run.compute_units() for run in world.runs.values()),
        "monthlyExternalDataTransferGbytes": 0,
        "monthlyProxySerps": 0,
        "monthlyResidentialProxyGbytes": 0,
        "actorMemoryGbytes": sum(run.options.memory_mbytes for run in going) / 1024,
        "actorCount": len(world.actors),
        "actorTaskCount": len(world.tasks),
        "activeActorJobCount": len(going),
        "teamAccountSeatCount": 1,
    }


ENDPOINTS = [
    Endpoint("GET", "/v2/users/me", get_me),
    Endpoint("GET", "/v2/users/me/limits", get_limits),
    Endpoint("GET", "/v2/users/{userId}", get_user, is_public=True),
]
