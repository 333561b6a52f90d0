"""Saved tasks."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from starlette.responses import Response

from local_apify.api.answers import data, page_of
from local_apify.api.bodies import JsonObject, JsonResponse
from local_apify.api.call import Call
from local_apify.api.endpoint import Endpoint
from local_apify.api.owned import own
from local_apify.api.starts import check_saved_options
from local_apify.world.actor import Actor
from local_apify.world.clock import iso, new_id, now
from local_apify.world.errors import ApiError
from local_apify.world.runs import Task

_NAME = re.compile(r"[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?")
_OPTIONS = frozenset({"build", "timeoutSecs", "memoryMbytes", "maxItems", "maxTotalChargeUsd", "restartOnError"})


def _short(call: Call, task: Task) -> dict[str, Any]:
    return {
        "id": task.id,
        "userId": call.world.user.id,
        "username": call.world.user.username,
        "actId": task.actor.id,
        "name": task.name,
        "title": task.title,
        "createdAt": iso(task.created_at),
        "modifiedAt": iso(task.modified_at),
        "stats": {
            "totalRuns": sum(run.task is not None and run.task.id == task.id for run in call.world.runs.values())
        },
    }


def _listed(call: Call, task: Task) -> dict[str, Any]:
    actor = call.world.as_it_is(task.actor)  # which may have another name by now
    names = {"actName": actor.short_name, "actUsername": actor.username}
    return {name: value for name, value in _short(call, task).items() if name != "title"} | names


def _full(call: Call, task: Task) -> dict[str, Any]:
    described = {} if task.description is None else {"description": task.description}
    return _short(call, task) | described | {"options": dict(task.options), "input": task.input}


async def list_tasks(call: Call) -> Response:
    """List saved tasks."""
    return page_of(call, list(call.world.tasks.values()), lambda task: _listed(call, task))


async def create(call: Call) -> Response:
    """Save a task."""
    body = await call.body.json_object()
    actor = call.world.find_actor(body.get("actId", str) or "")
    _refuse_to_publish(call, actor, body)
    identifier, created = new_id(), now()
    task = Task(
        id=identifier,
        name=body.get("name", str) or f"task-{identifier.lower()}",
        actor=actor,
        input=body.get("input", dict),
        options=body.get("options", dict) or {},
        created_at=created,
        modified_at=created,
        title=body.get("title", str),
        description=body.get("description", str),
    )
    _check(call, task)
    call.world.tasks[task.id] = task
    return data(_full(call, task), 201, {"Location": f"{call.base_url}/v2/actor-tasks/{task.id}"})


def _check(call: Call, task: Task) -> None:
    if not _NAME.fullmatch(task.name):
        raise ApiError(400, "invalid-value", "A task's name has letters, digits and hyphens, 63 characters at most.")
    if any(other.name == task.name and other.id != task.id for other in call.world.tasks.values()):
        raise ApiError(409, "actor-task-name-not-unique", f"There is another task named {task.name}.")
    unknown = sorted(set(task.options) - _OPTIONS)
    if unknown:
        raise ApiError(400, "invalid-input", f"A task has no option {', '.join(unknown)}.")
    check_saved_options(task.options, call.world.as_it_is(task.actor))


def _refuse_to_publish(call: Call, actor: Actor, body: JsonObject) -> None:
    """Refuse to give a task a public page: only who may change its Actor could, and there are no such pages here.

    :raises ApiError: the request publishes the task, or says what its page shows.
    """
    if body.get("isPublic", bool) or "publicConfig" in body:
        own(call, actor)
        message = "The local Apify publishes no tasks: it keeps no publicConfig, which a published one needs."
        raise ApiError(400, "invalid-input", message)


async def get(call: Call) -> Response:
    """Get a saved task."""
    return data(_full(call, call.find_task()))


async def update(call: Call) -> Response:
    """Change a saved task."""
    task = call.find_task()
    body = await call.body.json_object()
    _refuse_to_publish(call, call.world.as_it_is(task.actor), body)
    changed = replace(
        task,
        name=body.get("name", str) or task.name,
        title=body.get("title", str) or task.title,
        description=body.get("description", str) if "description" in body else task.description,
        input=body.get("input", dict) if "input" in body else task.input,
        options={**task.options, **(body.get("options", dict) or {})},
        modified_at=now(),
    )
    _check(call, changed)
    call.world.tasks[task.id] = changed
    return data(_full(call, changed))


async def delete(call: Call) -> Response:
    """Delete a saved task."""
    del call.world.tasks[call.find_task().id]
    return Response(status_code=204)


async def get_input(call: Call) -> Response:
    """Get the input of a saved task."""
    return JsonResponse(call.find_task().input or {})


async def put_input(call: Call) -> Response:
    """Change fields of the input of a saved task."""
    task = call.find_task()
    body = await call.body.json_object()
    changed = replace(task, input=(task.input or {}) | body.values, modified_at=now())
    call.world.tasks[task.id] = changed
    return JsonResponse(changed.input)


_TASK = "/v2/actor-tasks/{actorTaskId}"

ENDPOINTS = [
    Endpoint("GET", "/v2/actor-tasks", list_tasks),
    Endpoint("POST", "/v2/actor-tasks", create),
    Endpoint("GET", _TASK, get),
    Endpoint("PUT", _TASK, update),
    Endpoint("DELETE", _TASK, delete),
    Endpoint("GET", f"{_TASK}/input", get_input),
    Endpoint("PUT", f"{_TASK}/input", put_input),
]
