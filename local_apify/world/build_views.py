"""Builds as the API shows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from local_apify.world.account import user_id
from local_apify.world.builds import MEMORY_MBYTES, Build
from local_apify.world.clock import iso
from local_apify.world.runs import USD_PER_COMPUTE_UNIT

_VERSION_FIELDS = ("sourceType", "buildTag", "versionNumber", "gitRepoUrl", "sourceFiles")


def build_shape(build: Build) -> dict[str, Any]:
    """Write a build as the API does."""
    used = build.compute_units()
    definition = build.definition
    return {
        "id": build.id,
        "actId": build.actor.id,
        "userId": user_id(build.actor.username),
        "startedAt": iso(build.started_at),
        "finishedAt": iso(build.finished_at) if build.finished_at else None,
        "status": build.status,
        "meta": _meta(build),
        "stats": {
            "durationMillis": int(build.seconds() * 1000),
            "runTimeSecs": round(build.seconds(), 3),
            "computeUnits": used,
        },
        "options": {**build.options, "memoryMbytes": MEMORY_MBYTES},
        "usage": {"ACTOR_COMPUTE_UNITS": used},
        "usageUsd": {"ACTOR_COMPUTE_UNITS": used * USD_PER_COMPUTE_UNIT},
        "usageTotalUsd": used * USD_PER_COMPUTE_UNIT,
        "inputSchema": definition.input_schema if definition else None,
        "readme": definition.readme if definition else None,
        "buildNumber": build.number,
        "actVersion": _version(build.version),
        "actorDefinition": dict(definition.actor) if definition else None,
    }


def public_build_shape(build: Build) -> dict[str, Any]:
    """Write a build as the API does for those who only know its id: without what it cost."""
    return {name: value for name, value in build_shape(build).items() if not name.startswith("usage")}


def short_build_shape(build: Build) -> dict[str, Any]:
    """Write a build as it stands in lists."""
    shape = build_shape(build)
    names = ("id", "actId", "userId", "status", "startedAt", "finishedAt", "usageTotalUsd", "buildNumber", "meta")
    return {name: shape[name] for name in names}


def openapi_shape(build: Build, base_url: str) -> dict[str, Any]:
    """Describe how to run a build over the API, as an OpenAPI document of its own."""
    definition = build.definition.actor if build.definition else {}
    target = build.actor.name.replace("/", "~")
    ways = {
        "run-sync-get-dataset-items": "Run the Actor, wait for its end, and return its dataset items.",
        "runs": "Run the Actor and return at once.",
        "run-sync": "Run the Actor, wait for its end, and return its OUTPUT record.",
    }
    return {
        "openapi": "3.0.1",
        "info": {
            "title": build.actor.title,
            "description": build.actor.description,
            "version": build.number.rpartition(".")[0],
            "x-build-id": build.id,
        },
        "servers": [{"url": f"{base_url}/v2"}],
        "paths": {f"/acts/{target}/{ending}": _operation(target, ending, what) for ending, what in ways.items()},
        "components": {"schemas": {"inputSchema": definition.get("input", {"type": "object"})}},
    }


def _operation(target: str, ending: str, summary: str) -> Mapping[str, Any]:
    schema = {"$ref": "#/components/schemas/inputSchema"}
    operation = {
        "operationId": f"{ending}-{target.replace('~', '-')}",
        "summary": summary,
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
        "parameters": [{"name": "token", "in": "query", "required": True, "schema": {"type": "string"}}],
        "responses": {"200": {"description": "OK"}},
    }
    return {"post": operation}


def _version(version: Mapping[str, Any]) -> dict[str, Any]:
    """Write the version that was built: folders are no part of it."""
    kept = {name: version[name] for name in _VERSION_FIELDS if version.get(name) is not None}
    if "sourceFiles" in kept:
        kept["sourceFiles"] = [file for file in kept["sourceFiles"] if not file.get("folder")]
    return kept


def _meta(build: Build) -> dict[str, Any]:
    meta = {"origin": build.caller.origin, "clientIp": build.caller.client_ip, "userAgent": build.caller.user_agent}
    return {name: value for name, value in meta.items() if value is not None}
