"""Actors and the store."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any

from local_apify.api.answers import data, page_of
from local_apify.api.bodies import JsonResponse
from local_apify.api.call import Call
from local_apify.api.endpoint import Endpoint
from local_apify.api.inputs import check_input
from local_apify.api.versions import version_shape
from local_apify.world.account import user_id
from local_apify.world.actor import Actor
from local_apify.world.clock import iso
from local_apify.world.errors import invalid
from local_apify.world.run_views import pricing_shape
from local_apify.world.runs import Run

if TYPE_CHECKING:
    from starlette.responses import Response

_PRICING_MODELS = frozenset({"FREE", "FLAT_PRICE_PER_MONTH", "PRICE_PER_DATASET_ITEM", "PAY_PER_EVENT"})
_NEWEST_FIRST = frozenset({"newest", "lastUpdate"})


def _runs_of(call: Call, actor: Actor) -> list[Run]:
    return [run for run in _all_runs(call) if run.actor.id == actor.id]


def _all_runs(call: Call) -> Iterator[Run]:
    """Return the runs of all users."""
    return (run for world in call.realm.worlds for run in world.runs.values())


def _short_actor(call: Call, actor: Actor) -> dict[str, Any]:
    return {
        "id": actor.id,
        "createdAt": actor.created_at,
        "modifiedAt": actor.modified_at,
        "name": actor.short_name,
        "username": actor.username,
        "title": actor.title,
        "stats": {"totalRuns": len(_runs_of(call, actor))},
    }


def _stats(call: Call, actor: Actor) -> dict[str, Any]:
    """Count what Apify counts. Who has ever used an Actor here has used it in the last 7 days."""
    runs = _runs_of(call, actor)
    names = ("totalUsers", "totalUsers7Days", "totalUsers30Days", "totalUsers90Days")
    users = dict.fromkeys(names, len({run.owner.id for run in runs}))
    last = {"lastRunStartedAt": iso(runs[-1].started_at)} if runs else {}
    metamorphs = [change for run in _all_runs(call) for change in run.metamorphs]
    return {
        "totalBuilds": len(call.world.builds.of(actor)),
        "totalRuns": len(runs),
        **users,
        "totalMetamorphs": sum(change.actor.id == actor.id for change in metamorphs),
        **last,
    }


def actor_shape(call: Call, actor: Actor) -> dict[str, Any]:
    """Write an Actor as the API does."""
    return _short_actor(call, actor) | {
        "userId": user_id(actor.username),
        "description": actor.description,
        "stats": _stats(call, actor),
        "isPublic": actor.is_public,
        "actorPermissionLevel": actor.permission_level,
        "versions": [version_shape(version) for version in actor.versions.values()],
        "pricingInfos": [pricing_shape(actor)],
        "defaultRunOptions": actor.run_options,
        "taggedBuilds": {
            tag: {"buildId": actor.build_id(number), "buildNumber": number} for tag, number in actor.builds.items()
        },
        **actor.settings,
    }


async def list_actors(call: Call) -> Response:
    """List Actors: all that exist here, or those of the user."""
    mine = call.query.flag("my")
    seen = [actor for actor in call.world.actors.values() if call.sees(actor)]
    actors = [actor for actor in seen if not mine or actor.username == call.world.user.username]
    return page_of(call, actors, lambda actor: _short_actor(call, actor))


async def get_actor(call: Call) -> Response:
    """Get an Actor."""
    return data(actor_shape(call, call.find_actor()))


async def validate_input(call: Call) -> Response:
    """Check an input as a start of the build would."""
    actor = call.find_actor()
    number = call.world.builds.number_of(actor, call.query.text("build") or "latest")
    check_input(call.world, actor, number, (await call.body.json_object()).values)
    return JsonResponse({"valid": True})


async def search_store(call: Call) -> Response:
    """Search the Actors that exist here by words of what they say of themselves.

    They have no category, and no agents' price.
    """
    query = call.query
    words, username = (query.text("search") or "").lower().split(), query.text("username")
    pricing_model = _one_of("pricingModel", query.text("pricingModel"), _PRICING_MODELS)
    _one_of("responseFormat", query.text("responseFormat"), {"full", "agent"})
    query.flag("includeUnrunnableActors")
    nothing_fits = query.text("category") is not None or query.flag("allowsAgenticUsers")
    actors = [
        actor
        for actor in ([] if nothing_fits else call.world.actors.values())
        if actor.is_public
        and all(word in _searched(actor) for word in words)
        and username in {None, actor.username}
        and pricing_model in {None, pricing_shape(actor)["pricingModel"]}
    ]
    if query.text("sortBy") in _NEWEST_FIRST:
        actors.reverse()
    return page_of(call, actors, lambda actor: _store_entry(call, actor))


def _searched(actor: Actor) -> str:
    return f"{actor.name} {actor.title} {actor.description} {actor.readme}".lower()


def _one_of(name: str, value: str | None, values: Collection[str]) -> str | None:
    if value is not None and value not in values:
        raise invalid(f'Parameter "{name}" must be one of {", ".join(sorted(values))}')
    return value


def _store_entry(call: Call, actor: Actor) -> dict[str, Any]:
    return {
        "id": actor.id,
        "title": actor.title,
        "name": actor.short_name,
        "username": actor.username,
        "userFullName": actor.username,
        "description": actor.description,
        "stats": {**_stats(call, actor), "actorReviewCount": 0, "bookmarkCount": 0},
        "currentPricingInfo": pricing_shape(actor),
    }


ENDPOINTS = [
    Endpoint("GET", "/v2/store", search_store, is_public=True),
    Endpoint("GET", "/v2/actors", list_actors),
    Endpoint("GET", "/v2/actors/{actorId}", get_actor, is_public=True),
    Endpoint("POST", "/v2/actors/{actorId}/validate-input", validate_input),
]
