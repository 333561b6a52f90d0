"""The user behind the token, and the limits of the account."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from local_apify.api.answers import data
from local_apify.api.bodies import JsonResponse
from local_apify.api.call import Call
from local_apify.api.endpoint import Endpoint
from local_apify.world.account import user_id
from local_apify.world.clock import now
from local_apify.world.cycle import cycle_of
from local_apify.world.errors import ApiError, invalid, not_found
from local_apify.world.run_views import PRICES_SINCE

if TYPE_CHECKING:
    from starlette.responses import Response

    from local_apify.world.world import World

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


_CHANGEABLE: Mapping[str, tuple[type, ...]] = {"maxMonthlyUsageUsd": (int, float), "dataRetentionDays": (int,)}


async def get_user(call: Call) -> Response:
    """Get what everybody may know of a user."""
    usernames = {world.user.username for world in call.realm.worlds}
    usernames |= {actor.username for actor in call.world.actors.values()}
    for username in usernames:
        if call.path["userId"] in {username, user_id(username)}:
            return data({"id": user_id(username), "username": username, "profile": {"name": username}})
    raise not_found("User")


async def get_me(call: Call) -> Response:
    """Get the user whose token it is."""
    return data(
        {
            "id": call.world.user.id,
            "username": call.world.user.username,
            "profile": _PROFILE,
            "email": f"{call.world.user.username}@example.com",
            "plan": {"id": "LOCAL", "description": "A local Apify", "isEnabled": True, "availableProxyGroups": {}},
            "effectivePlatformFeatures": dict.fromkeys(_FEATURES, _ENABLED),
            "createdAt": PRICES_SINCE,
            "isPaying": False,
        }
    )


async def get_limits(call: Call) -> Response:
    """Get the limits of the account, and how much of them is used."""
    world = call.world
    cycle = cycle_of(now())
    return data({"monthlyUsageCycle": cycle.to_json(), "limits": _limits(world), "current": _current(world)})


async def put_limits(call: Call) -> Response:
    """Change the limits that a user may change."""
    body = await call.body.json_object()
    limits = {name: body.values[name] for name in _CHANGEABLE if body.values.get(name) is not None}
    if not all(_is_limit(limits[name], kind) for name, kind in _CHANGEABLE.items() if name in limits):
        raise ApiError(400, "invalid-input", f"Limits are numbers above 0: {', '.join(_CHANGEABLE)}.")
    call.world.limits |= limits
    return JsonResponse({}, 201)


def _is_limit(value: object, kind: tuple[type, ...]) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool) and value > 0  # type: ignore[operator]


async def get_monthly_usage(call: Call) -> Response:
    """Get what was used in a month, by service and day."""
    asked = call.query.moment("date") or now()
    try:
        cycle = cycle_of(asked)
    except (ValueError, OverflowError):
        raise invalid('Parameter "date" is too far away') from None
    return data(call.world.usage(cycle).to_json())


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
        "maxScheduleCount": 1000,
        "maxConcurrentActorJobs": world.settings.max_concurrent_runs,
        "maxTeamAccountSeatCount": 1,
        "dataRetentionDays": 7,
        **world.limits,
    }


def _current(world: World) -> dict[str, Any]:
    going, usage = list(world.going()), world.usage(cycle_of(now()))
    return {
        "monthlyUsageUsd": round(usage.total_usd, 6),
        "monthlyActorComputeUnits": usage.compute_units,
        "monthlyExternalDataTransferGbytes": 0,
        "monthlyProxySerps": 0,
        "monthlyResidentialProxyGbytes": 0,
        "actorMemoryGbytes": sum(run.options.memory_mbytes for run in going) / 1024,
        "actorCount": sum(actor.username == world.user.username for actor in world.actors.values()),
        "actorTaskCount": len(world.tasks),
        "scheduleCount": len(world.schedules.all),
        "activeActorJobCount": len(going),
        "teamAccountSeatCount": 1,
    }


ENDPOINTS = [
    Endpoint("GET", "/v2/users/me", get_me),
    Endpoint("GET", "/v2/users/me/limits", get_limits),
    Endpoint("PUT", "/v2/users/me/limits", put_limits),
    Endpoint("GET", "/v2/users/me/usage/monthly", get_monthly_usage),
    Endpoint("GET", "/v2/users/{userId}", get_user, is_public=True),
]
