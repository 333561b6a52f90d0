"""Builds of Actors."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from local_apify.api.answers import data, page_of
from local_apify.api.bodies import JsonResponse
from local_apify.api.call import Call
from local_apify.api.endpoint import Endpoint
from local_apify.api.owned import own, own_actor
from local_apify.api.starts import caller_of
from local_apify.api.streams import log_response
from local_apify.world.build_views import (
    build_shape,
    openapi_shape,
    public_build_shape,
    short_build_shape,
)
from local_apify.world.builds import Build
from local_apify.world.errors import ApiError, not_found

_DEFAULT = "default"


def find_build(call: Call, identifier: str, what: str = "Actor build") -> Build:
    """Return a build by its id, for who may know of its Actor as that is now.

    :param what: what there is not, if there is no such build.
    """
    build = call.world.builds.all.get(identifier)
    actor = call.world.actors.get(build.actor.id) if build else None
    is_seen = actor is not None and (actor.is_public or (call.sees(actor) and call.access.limited_run is None))
    if build is None or not is_seen:
        raise not_found(what)
    return build


def _find(call: Call) -> Build:
    """Return the build that the path names: by its id, or as the default one of an Actor."""
    actor = call.find_actor() if "actorId" in call.path else None
    identifier = call.path.get("buildId", _DEFAULT)
    if actor is not None and identifier == _DEFAULT:
        tag = actor.run_options["build"]
        identifier = actor.build_id(actor.builds.get(tag, tag))
    build = find_build(call, identifier)
    if actor is not None and build.actor.id != actor.id:
        raise not_found("Actor build")
    return build


def _own(call: Call) -> Build:
    build = _find(call)
    own(call, build.actor)
    return build


def _answer(call: Call, build: Build, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    shape = build_shape if _is_own(call, build) else public_build_shape
    return data(shape(build), status, headers)


def _is_own(call: Call, build: Build) -> bool:
    return call.authorized and build.actor.username == call.world.user.username


def _listed(call: Call, build: Build) -> dict[str, Any]:
    """Write a build as it stands in lists; what somebody else's has cost is not told, and so is 0."""
    return short_build_shape(build) | ({} if _is_own(call, build) else {"usageTotalUsd": 0})


async def list_builds(call: Call) -> Response:
    """List builds: all of the user, or those of an Actor."""
    builds = call.world.builds
    if "actorId" in call.path:
        listed = builds.of(call.find_actor())
    else:
        listed = [build for build in builds.all.values() if _is_own(call, build)]
    return page_of(call, listed, lambda build: _listed(call, build))


async def start(call: Call) -> Response:
    """Build a version of an Actor."""
    actor = own_actor(call)
    number = call.query.text("version") or ""
    if number not in actor.versions:
        raise not_found("Actor version")
    version = actor.versions[number]
    options = {name: call.query.flag(name) for name in ("useCache", "betaPackages")}
    tag = call.query.text("tag") or version.get("buildTag")
    build = call.world.builds.start(actor, version, tag=tag, options=options, caller=caller_of(call))
    await call.wait_for_end(build)
    location = f"{call.base_url}/v2/actor-builds/{build.id}"
    return _answer(call, build, 201, {"Location": location})


async def get(call: Call) -> Response:
    """Get a build; wait for its end if asked to."""
    build = _find(call)
    await call.wait_for_end(build)
    return _answer(call, build)


async def abort(call: Call) -> Response:
    """Abort a build."""
    build = _own(call)
    call.world.builds.abort(build)
    return _answer(call, build)


async def delete(call: Call) -> Response:
    """Delete a build that is not its Actor's default one."""
    build = _own(call)
    actor = call.world.actors.get(build.actor.id)
    if actor is not None and actor.builds.get(actor.run_options["build"]) == build.number:
        raise ApiError(400, "deleting-default-build", "The default build of an Actor cannot be deleted.")
    call.world.builds.forget(build)
    return Response(status_code=204)


async def get_log(call: Call) -> Response:
    """Get the log of a build."""
    return log_response(call, _find(call))


async def get_openapi(call: Call) -> Response:
    """Get an OpenAPI document that describes how to run a build."""
    return JsonResponse(openapi_shape(_find(call), call.base_url))


_OF_ACTOR = "/v2/actors/{actorId}/builds"
_BUILD = "/v2/actor-builds/{buildId}"

ENDPOINTS = [
    Endpoint("GET", "/v2/actor-builds", list_builds),
    Endpoint("GET", _OF_ACTOR, list_builds),
    Endpoint("POST", _OF_ACTOR, start),
    Endpoint("GET", f"{_OF_ACTOR}/default", get, is_public=True),
    *[Endpoint("GET", path, get, is_public=True) for path in (f"{_OF_ACTOR}/{{buildId}}", _BUILD)],
    *[Endpoint("POST", f"{path}/abort", abort) for path in (f"{_OF_ACTOR}/{{buildId}}", _BUILD)],
    *[
        Endpoint("GET", f"{path}/openapi.json", get_openapi, is_public=True)
        for path in (f"{_OF_ACTOR}/{{buildId}}", _BUILD)
    ],
    Endpoint("DELETE", _BUILD, delete),
    Endpoint("GET", f"{_BUILD}/log", get_log),
]
