"""Actors of the user: create, change, delete. Their source code is built, but nothing here could run it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from starlette.responses import Response

from local_apify.api.answers import data
from local_apify.api.bodies import JsonObject
from local_apify.api.call import Call
from local_apify.api.catalog import actor_shape
from local_apify.api.endpoint import Endpoint
from local_apify.api.owned import own_actor
from local_apify.api.starts import check_saved_options
from local_apify.api.versions import versions_from
from local_apify.world.actor import FULL_PERMISSIONS, PERMISSION_LEVELS, Actor
from local_apify.world.clock import iso, new_id, now
from local_apify.world.context import ActorContext, RunEnd
from local_apify.world.errors import ApiError

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{1,61}[a-z0-9])", re.IGNORECASE | re.ASCII)
_KEPT: Mapping[str, type] = {
    "seoTitle": str,
    "seoDescription": str,
    "restartOnError": bool,
    "categories": list,
    "exampleRunInput": dict,
    "isDeprecated": bool,
    "actorStandby": dict,
}
"""Settings that are only remembered."""


async def _cannot_run(_context: ActorContext) -> None:
    """End the run: there is no machine here that could run source code."""
    raise RunEnd(
        "FAILED",
        "The local Apify does not run source code. Give it a Python function of this name: LocalApify(actors=[...]).",
    )


async def create(call: Call) -> Response:
    """Create an Actor of the user."""
    body = await call.body.json_object()
    identifier, created = new_id(), iso(now())
    actor = Actor(
        name=f"{call.world.user.username}/{body.get('name', str) or f'my-actor-{identifier.lower()}'}",
        main=_cannot_run,
        title="",
        builds={},
        is_public=False,
        created_at=created,
        given_id=identifier,
        given_versions=versions_from(body.get("versions", list) or ()),
    )
    actor = _changed(actor, body)
    _check(call, actor)
    call.world.actors[actor.id] = actor
    return data(actor_shape(call, actor), 201, {"Location": f"{call.base_url}/v2/actors/{actor.id}"})


async def update(call: Call) -> Response:
    """Change an Actor of the user; what is not given stays."""
    actor = own_actor(call)
    body = await call.body.json_object()
    name = body.get("name", str) or actor.short_name
    # The id is kept even where it was made of the name.
    changed = _changed(replace(actor, name=f"{call.world.user.username}/{name}", given_id=actor.id), body)
    versions = body.get("versions", list)
    if versions is not None:
        changed = replace(changed, given_versions=versions_from(versions))
    _check(call, changed)
    call.world.actors[actor.id] = _tagged(call, changed, body.get("taggedBuilds", dict) or {})
    return data(actor_shape(call, call.world.actors[actor.id]))


def _changed(actor: Actor, body: JsonObject) -> Actor:
    given = {name: body.get(name, kind) for name, kind in _KEPT.items() if body.values.get(name) is not None}
    body.texts("categories")
    level = body.one_of("actorPermissionLevel", PERMISSION_LEVELS)
    public = body.get("isPublic", bool)
    options = body.get("defaultRunOptions", dict) or {}
    return replace(
        actor,
        title=body.get("title", str) or actor.title or actor.short_name,
        description=body.get("description", str) or actor.description,
        is_public=actor.is_public if public is None else public,
        needs_full_permission=actor.needs_full_permission if level is None else level == FULL_PERMISSIONS,
        default_options={**actor.default_options, **{name: each for name, each in options.items() if each is not None}},
        settings={**actor.settings, **given},
        modified_at=iso(now()),
    )


def _check(call: Call, actor: Actor) -> None:
    if not _NAME.fullmatch(actor.short_name):
        raise ApiError(400, "invalid-value", "An Actor's name has 3 to 63 letters, digits and hyphens.")
    if any(other.name == actor.name and other.id != actor.id for other in call.world.actors.values()):
        raise ApiError(400, "actor-name-not-unique", f"There is another Actor named {actor.name}.")
    check_saved_options(actor.default_options, actor)


def _tagged(call: Call, actor: Actor, tags: Mapping[str, Any]) -> Actor:
    """Give tags to builds, or take them away: where a tag is null."""
    builds = {tag: number for tag, number in actor.builds.items() if tags.get(tag, number) is not None}
    for tag, info in tags.items():
        if info is not None:
            build = call.world.builds.all.get(JsonObject(info).get("buildId", str) or "")
            if build is None or build.actor.id != actor.id:
                raise ApiError(400, "invalid-build", f"The Actor has no build to be tagged {tag}.")
            builds[tag] = build.number
    return replace(actor, builds=builds)


async def delete(call: Call) -> Response:
    """Delete an Actor of the user, with its builds."""
    actor = own_actor(call)
    for build in call.world.builds.of(actor):
        call.world.builds.abort(build)
        call.world.builds.forget(build)
    del call.world.actors[actor.id]
    return Response(status_code=204)


ENDPOINTS = [
    Endpoint("POST", "/v2/actors", create),
    Endpoint("PUT", "/v2/actors/{actorId}", update),
    Endpoint("DELETE", "/v2/actors/{actorId}", delete),
]
