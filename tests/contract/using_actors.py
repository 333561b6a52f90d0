"""Ask the local Apify for everything about Actors of one's own, schedules, usage and tools."""

from __future__ import annotations

import base64
import json
from typing import Any

from tests.local_apify.client import WAIT, Client

SCHEMA = {"type": "object", "properties": {"url": {"type": "string"}}, "required": ["url"]}
FILES = [
    {"name": ".actor", "folder": True},
    {"name": ".actor/actor.json", "format": "TEXT", "content": json.dumps({"actorSpecification": 1, "name": "mine"})},
    {"name": ".actor/INPUT_SCHEMA.json", "format": "TEXT", "content": json.dumps(SCHEMA)},
    {"name": "README.md", "format": "BASE64", "content": base64.b64encode(b"# Mine").decode()},
]
VERSION = {
    "versionNumber": "0.1",
    "sourceType": "SOURCE_FILES",
    "buildTag": "latest",
    "sourceFiles": FILES,
    "envVars": [{"name": "OPEN", "value": "1"}, {"name": "SECRET", "value": "s3cret", "isSecret": True}],
}


def use_actors(client: Client) -> None:
    """Create, build, run and delete an Actor."""
    body = {"name": "mine", "title": "Mine", "versions": [VERSION], "defaultRunOptions": {"memoryMbytes": 256}}
    actor = f"/v2/actors/{client.data('POST', '/v2/actors', json=body)['id']}"
    client.data("PUT", actor, json={"description": "My own", "isPublic": False, "categories": ["AI"]})
    _use_versions(client, actor)
    build = client.data("POST", f"{actor}/builds", params={"version": "0.1", "tag": "latest", "useCache": 1, **WAIT})
    assert build["status"] == "SUCCEEDED"
    client.data("POST", f"{actor}/runs", json={"url": "u"}, params=WAIT)
    _use_builds(client, actor, build["id"])
    client.send("DELETE", actor)


def _use_versions(client: Client, actor: str) -> None:
    versions = f"{actor}/versions"
    client.data(
        "POST", versions, json={"versionNumber": "0.2", "sourceType": "GIT_REPO", "gitRepoUrl": "https://e.com"}
    )
    client.data("GET", versions)
    for method in ("PUT", "POST"):
        client.data(method, f"{versions}/0.2", json={"buildTag": "beta"})
    client.data("GET", f"{versions}/0.1")
    variables = f"{versions}/0.1/env-vars"
    client.data("POST", variables, json={"name": "MORE", "value": "2"})
    client.data("GET", variables)
    for method in ("PUT", "POST"):
        client.data(method, f"{variables}/MORE", json={"name": "MORE", "value": "3", "isSecret": True})
    client.data("GET", f"{variables}/MORE")
    client.send("DELETE", f"{variables}/MORE")


def _use_builds(client: Client, actor: str, finished: str) -> None:
    going = client.data("POST", f"{actor}/builds", params={"version": "0.2"})["id"]
    client.data("POST", f"/v2/actor-builds/{going}/abort")
    client.data("POST", f"{actor}/builds/{going}/abort")
    for path in (f"{actor}/builds", "/v2/actor-builds"):
        client.data("GET", path, params={"desc": 1, "limit": 2})
    for path in (f"{actor}/builds/{finished}", f"/v2/actor-builds/{finished}"):
        client.data("GET", path)
        client.send("GET", f"{path}/openapi.json")
    client.data("PUT", actor, json={"isPublic": True})
    client.data("GET", f"/v2/actor-builds/{finished}", token=None)
    client.send("GET", f"/v2/actor-builds/{finished}/log")
    client.send("GET", f"/v2/logs/{finished}")
    client.send("DELETE", f"/v2/actor-builds/{going}")
    client.send("DELETE", f"{actor}/versions/0.2")


def use_schedules(client: Client) -> None:
    """Create a schedule, let it start a run, and delete it."""
    run_actor: dict[str, Any] = {
        "type": "RUN_ACTOR",
        "actorId": "apify~scenario",
        "runInput": {"body": "{}", "contentType": "application/json"},
        "runOptions": {"memoryMbytes": 256},
    }
    run_task = {"type": "RUN_ACTOR_TASK", "actorTaskId": "local~daily-crawl", "input": {"maxCrawlPages": 1}}
    body = {"name": "mine", "cronExpression": "@daily", "timezone": "Europe/Prague", "actions": [run_actor, run_task]}
    schedule = client.data("POST", "/v2/schedules", json={**body, "isEnabled": True, "isExclusive": False})
    path = f"/v2/schedules/{schedule['id']}"
    client.apify.control.fire_schedule(schedule["id"])
    client.data("GET", f"{path}/log")
    client.data("GET", path)
    client.data("PUT", path, json={"isEnabled": False, "description": "Mine"})
    client.data("GET", "/v2/schedules", params={"desc": 1})
    client.send("DELETE", path)


def use_account(client: Client) -> None:
    """Ask for the usage of the account, and change its limits."""
    client.data("GET", "/v2/users/me/usage/monthly", params={"date": "2026-11-08"})
    client.data("GET", "/v2/users/me/usage/monthly")
    client.send("PUT", "/v2/users/me/limits", json={"maxMonthlyUsageUsd": 300, "dataRetentionDays": 14})


def use_tools(client: Client) -> None:
    """Sign a value, read it, and look at oneself from outside."""
    encoded = client.data("POST", "/v2/tools/encode-and-sign", json={"a": 1})["encoded"]
    client.data("POST", "/v2/tools/decode-and-verify", json={"encoded": encoded})
    client.send("POST", "/v2/tools/decode-and-verify", json={"encoded": f"x{encoded}"})
    for method in ("GET", "POST", "PUT", "DELETE"):
        client.send(method, "/v2/browser-info", params={"rawHeaders": 1})
