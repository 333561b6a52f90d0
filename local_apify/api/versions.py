"""Versions of the source code of Actors, and their environment variables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from starlette.responses import Response

from local_apify.api.answers import data
from local_apify.api.bodies import JsonObject
from local_apify.api.call import Call
from local_apify.api.endpoint import Endpoint
from local_apify.api.owned import own_actor
from local_apify.world.actor import Actor
from local_apify.world.clock import iso, now
from local_apify.world.errors import ApiError, not_found

_NUMBER = re.compile(r"(0|[1-9][0-9]?)\.(0|[1-9][0-9]?)")
_SOURCE_TYPES = frozenset({"SOURCE_FILES", "GIT_REPO", "TARBALL", "GITHUB_GIST", "SOURCE_CODE"})
_FIELDS: Mapping[str, type] = {
    "versionNumber": str,
    "sourceType": str,
    "applyEnvVarsToBuild": bool,
    "buildTag": str,
    "sourceFiles": list,
    "gitRepoUrl": str,
    "tarballUrl": str,
    "gitHubGistUrl": str,
}
Fields = Mapping[str, Any]


def versions_from(bodies: Iterable[Any]) -> dict[str, Fields]:
    """Read the versions of an Actor.

    :raises ApiError: something is wrong, or two have the same number.
    """
    versions: dict[str, Fields] = {}
    for body in bodies:
        version = _version_from(JsonObject(body), {})
        if version["versionNumber"] in versions:
            raise _exists(version["versionNumber"])
        versions[version["versionNumber"]] = version
    return versions


def _version_from(body: JsonObject, before: Fields) -> Fields:
    given = {name: body.get(name, kind) for name, kind in _FIELDS.items() if name in body}
    version = {"versionNumber": None, "sourceType": None} | dict(before) | given
    if not _NUMBER.fullmatch(version["versionNumber"] or ""):
        raise ApiError(400, "invalid-input", "A version needs a versionNumber such as 0.1.")
    if version["sourceType"] not in _SOURCE_TYPES | {before.get("sourceType", "")}:
        raise ApiError(400, "invalid-input", f"A version needs a sourceType: {', '.join(sorted(_SOURCE_TYPES))}.")
    for file in version.get("sourceFiles") or ():
        JsonObject(file)
        if not isinstance(file.get("name"), str):
            raise ApiError(400, "invalid-input", "A source file needs a name.")
    if "envVars" in body:
        version["envVars"] = [_env_var_from(JsonObject(each), {}) for each in body.get("envVars", list) or ()]
    return version


def _env_var_from(body: JsonObject, before: Fields) -> Fields:
    kinds: Mapping[str, type] = {"name": str, "value": str, "isSecret": bool}
    given = {name: body.get(name, kind) for name, kind in kinds.items() if body.values.get(name) is not None}
    variable = dict(before) | given
    if not variable.get("name"):
        raise ApiError(400, "invalid-input", "An environment variable needs a name.")
    return variable


def version_shape(version: Fields) -> dict[str, Any]:
    """Write a version as the API does: without the values of secrets."""
    if "envVars" not in version:
        return dict(version)
    return {**version, "envVars": [_env_var_shape(each) for each in version["envVars"]]}


def _env_var_shape(variable: Fields) -> dict[str, Any]:
    return {name: value for name, value in variable.items() if name != "value" or not variable.get("isSecret")}


def _exists(number: str) -> ApiError:
    return ApiError(400, "version-already-exists", f"There is a version {number} already.")


def _find(call: Call, actor: Actor) -> Fields:
    version = actor.versions.get(call.path["versionNumber"])
    if version is None:
        raise not_found("Actor version")
    return version


def _keep(call: Call, actor: Actor, versions: Mapping[str, Fields]) -> None:
    changed = replace(actor, given_versions=versions, modified_at=iso(now()))
    call.world.actors[actor.id] = changed


async def list_versions(call: Call) -> Response:
    """List the versions of an Actor."""
    versions = call.find_actor().versions.values()
    return data({"total": len(versions), "items": [version_shape(version) for version in versions]})


async def create(call: Call) -> Response:
    """Add a version to an Actor."""
    actor = own_actor(call)
    version = _version_from(await call.body.json_object(), {})
    number = version["versionNumber"]
    if number in actor.versions:
        raise _exists(number)
    _keep(call, actor, {**actor.versions, number: version})
    location = f"{call.base_url}/v2/actors/{actor.id}/versions/{quote(number)}"
    return data(version_shape(version), 201, {"Location": location})


async def get(call: Call) -> Response:
    """Get a version."""
    return data(version_shape(_find(call, call.find_actor())))


async def update(call: Call) -> Response:
    """Change a version; what is not given stays."""
    actor = own_actor(call)
    before = _find(call, actor)
    version = _version_from(await call.body.json_object(), before)
    numbers = {number: each for number, each in actor.versions.items() if number != before["versionNumber"]}
    if version["versionNumber"] in numbers:
        raise _exists(version["versionNumber"])
    _keep(call, actor, {**numbers, version["versionNumber"]: version})
    return data(version_shape(version))


async def delete(call: Call) -> Response:
    """Delete a version that is not the only one."""
    actor = own_actor(call)
    gone = _find(call, actor)["versionNumber"]
    left = {number: version for number, version in actor.versions.items() if number != gone}
    if not left:
        raise ApiError(400, "too-few-versions", "An Actor has one version at least.")
    _keep(call, actor, left)
    return Response(status_code=204)


async def list_env_vars(call: Call) -> Response:
    """List the environment variables of a version."""
    variables = _find(call, call.find_actor()).get("envVars") or ()
    return data({"total": len(variables), "items": [_env_var_shape(each) for each in variables]})


async def create_env_var(call: Call) -> Response:
    """Add an environment variable to a version."""
    actor = own_actor(call)
    version = _find(call, actor)
    variable = _env_var_from(await call.body.json_object(), {})
    known = version.get("envVars") or ()
    if any(each["name"] == variable["name"] for each in known):
        raise ApiError(400, "env-var-already-exists", f"There is a variable {variable['name']} already.")
    _keep_env_vars(call, actor, version, [*known, variable])
    versions = f"{call.base_url}/v2/actors/{actor.id}/versions"
    location = (
        f"{versions}/{quote(version['versionNumber'])}/env-vars/{quote(variable['name'], safe='', errors='replace')}"
    )
    return data(_env_var_shape(variable), 201, {"Location": location})


def _keep_env_vars(call: Call, actor: Actor, version: Fields, variables: list[Fields]) -> None:
    _keep(call, actor, {**actor.versions, version["versionNumber"]: {**version, "envVars": variables}})


def _find_env_var(call: Call, version: Fields) -> Fields:
    for variable in version.get("envVars") or ():
        if variable["name"] == call.path["envVarName"]:
            return dict(variable)
    raise not_found("Environment variable")


async def get_env_var(call: Call) -> Response:
    """Get an environment variable; the value of a secret one is not told."""
    return data(_env_var_shape(_find_env_var(call, _find(call, call.find_actor()))))


async def update_env_var(call: Call) -> Response:
    """Change an environment variable; what is not given stays."""
    actor = own_actor(call)
    version = _find(call, actor)
    before = _find_env_var(call, version)
    variable = _env_var_from(await call.body.json_object(), before)
    if variable["name"] != before["name"]:
        raise ApiError(400, "cannot-rename-env-var", "An environment variable keeps its name.")
    changed = [variable if each["name"] == before["name"] else each for each in version["envVars"]]
    _keep_env_vars(call, actor, version, changed)
    return data(_env_var_shape(variable))


async def delete_env_var(call: Call) -> Response:
    """Delete an environment variable."""
    actor = own_actor(call)
    version = _find(call, actor)
    gone = _find_env_var(call, version)["name"]
    _keep_env_vars(call, actor, version, [each for each in version["envVars"] if each["name"] != gone])
    return Response(status_code=204)


_VERSIONS = "/v2/actors/{actorId}/versions"
_VERSION = f"{_VERSIONS}/{{versionNumber}}"
_ENV_VARS = f"{_VERSION}/env-vars"
_ENV_VAR = f"{_ENV_VARS}/{{envVarName}}"

ENDPOINTS = [
    Endpoint("GET", _VERSIONS, list_versions),
    Endpoint("POST", _VERSIONS, create),
    Endpoint("GET", _VERSION, get),
    *[Endpoint(method, _VERSION, update) for method in ("PUT", "POST")],
    Endpoint("DELETE", _VERSION, delete),
    Endpoint("GET", _ENV_VARS, list_env_vars),
    Endpoint("POST", _ENV_VARS, create_env_var),
    Endpoint("GET", _ENV_VAR, get_env_var),
    *[Endpoint(method, _ENV_VAR, update_env_var) for method in ("PUT", "POST")],
    Endpoint("DELETE", _ENV_VAR, delete_env_var),
]
