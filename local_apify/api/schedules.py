"""Schedules of the user."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from starlette.responses import Response

from local_apify.api.answers import data, page_of
from local_apify.api.bodies import JsonObject
from local_apify.api.call import Call
from local_apify.api.endpoint import Endpoint
from local_apify.api.starts import check_saved_options, start_action
from local_apify.world.account import User
from local_apify.world.actor import Actor
from local_apify.world.clock import iso, new_id, now
from local_apify.world.cron import Cron
from local_apify.world.errors import ApiError, not_found
from local_apify.world.schedules import Schedule

_FIELDS: Mapping[str, tuple[str, type]] = {
    "name": ("name", str),
    "cronExpression": ("cron_expression", str),
    "timezone": ("timezone", str),
    "isEnabled": ("is_enabled", bool),
    "isExclusive": ("is_exclusive", bool),
    "title": ("title", str),
    "description": ("description", str),
}
_ACTION_FIELDS: Mapping[str, Mapping[str, type]] = {
    "RUN_ACTOR": {"actorId": str, "runInput": dict, "runOptions": dict},
    "RUN_ACTOR_TASK": {"actorTaskId": str, "input": dict},
}


def schedule_shape(schedule: Schedule, user: User) -> dict[str, Any]:
    """Write a schedule as the API does."""
    return _base(schedule, user) | {
        "title": schedule.title,
        "description": schedule.description,
        "notifications": {"email": False},
        "actions": list(schedule.actions),
    }


def _listed(schedule: Schedule, user: User) -> dict[str, Any]:
    names = ("id", "type", "actorId", "actorTaskId")
    actions = [{name: action[name] for name in names if name in action} for action in schedule.actions]
    return _base(schedule, user) | {"actions": actions}


def _base(schedule: Schedule, user: User) -> dict[str, Any]:
    due = schedule.next_run_at()
    return {
        "id": schedule.id,
        "userId": user.id,
        "name": schedule.name,
        "cronExpression": schedule.cron_expression,
        "timezone": schedule.timezone,
        "isEnabled": schedule.is_enabled,
        "isExclusive": schedule.is_exclusive,
        "createdAt": iso(schedule.created_at),
        "modifiedAt": iso(schedule.modified_at),
        "nextRunAt": iso(due) if due else None,
        "lastRunAt": iso(schedule.last_run_at) if schedule.last_run_at else None,
    }


def _find(call: Call) -> Schedule:
    wanted = call.path["scheduleId"]
    for schedule in call.world.schedules.all.values():
        if wanted == schedule.id:
            return schedule
    raise not_found("Schedule")


def _read(call: Call, body: JsonObject) -> dict[str, Any]:
    """Return the fields of a schedule that its JSON gives.

    :raises ApiError: a value is wrong, or an action names nothing that exists.
    """
    read: dict[str, Any] = {field: body.get(name, kind) for name, (field, kind) in _FIELDS.items()}
    values = {field: value for field, value in read.items() if value is not None}
    try:
        Cron.parse(values.get("cron_expression", "@daily"))
    except ValueError as error:
        raise ApiError(400, "cron-expression-invalid", f"The schedule is never due: {error}") from None
    _check_timezone(values.get("timezone", "UTC"))
    if "actions" in body:
        values["actions"] = [_action(call, JsonObject(each)) for each in body.get("actions", list) or ()]
    return values


def _check_timezone(name: str) -> None:
    """Check that there is a time zone.

    :raises ApiError: there is none of this name.
    """
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ApiError(400, "cron-expression-invalid", f"There is no time zone {name}.") from None


def _action(call: Call, body: JsonObject) -> dict[str, Any]:
    kind = body.get("type", str) or ""
    if kind not in _ACTION_FIELDS:
        raise ApiError(400, "invalid-input", f"An action is of the type {' or '.join(_ACTION_FIELDS)}.")
    fields: dict[str, Any] = {name: body.get(name, each) for name, each in _ACTION_FIELDS[kind].items() if name in body}
    try:
        if kind == "RUN_ACTOR":
            actor = call.world.find_actor(fields.get("actorId") or "")
            fields["actorId"] = actor.id
        else:
            fields["actorTaskId"] = call.world.find_task(fields.get("actorTaskId") or "").id
    except ApiError as error:
        missing = "schedule-actor-not-found" if kind == "RUN_ACTOR" else "schedule-actor-task-not-found"
        raise ApiError(404, missing, error.message) from None
    if kind == "RUN_ACTOR":
        _check_start(fields, actor)
    return {"id": new_id(), "type": kind, **fields}


def _check_start(fields: Mapping[str, Any], actor: Actor) -> None:
    """Check what runs are to be started with.

    :raises ApiError: no run could be.
    """
    given = JsonObject(fields.get("runInput") or {})
    given.get("body", str)
    content_type = given.get("contentType", str) or ""
    if not (content_type.isascii() and content_type.isprintable()):
        raise ApiError(400, "invalid-input", 'Field "contentType" must be a media type.')
    check_saved_options(fields.get("runOptions") or {}, actor)


def _check_name(call: Call, schedule: Schedule) -> None:
    others = call.world.schedules.all.values()
    if any(other.name == schedule.name and other.id != schedule.id for other in others):
        raise ApiError(409, "schedule-name-not-unique", f"There is another schedule named {schedule.name}.")


async def list_schedules(call: Call) -> Response:
    """List schedules."""
    return page_of(call, list(call.world.schedules.all.values()), lambda schedule: _listed(schedule, call.world.user))


async def create(call: Call) -> Response:
    """Create a schedule."""
    values = _read(call, await call.body.json_object())
    schedule = Schedule(**({"name": f"schedule-{new_id().lower()}"} | values))
    _check_name(call, schedule)
    call.world.schedules.keep(schedule, partial(start_action, call.world))
    location = f"{call.base_url}/v2/schedules/{schedule.id}"
    return data(schedule_shape(schedule, call.world.user), 201, {"Location": location})


async def get(call: Call) -> Response:
    """Get a schedule."""
    return data(schedule_shape(_find(call), call.world.user))


async def update(call: Call) -> Response:
    """Change a schedule; what is not given stays."""
    schedule = _find(call)
    for field, value in _read(call, await call.body.json_object()).items():
        setattr(schedule, field, value)
    schedule.modified_at = now()
    call.world.schedules.keep(schedule, partial(start_action, call.world))
    return data(schedule_shape(schedule, call.world.user))


async def delete(call: Call) -> Response:
    """Delete a schedule."""
    call.world.schedules.forget(_find(call))
    return Response(status_code=204)


async def get_log(call: Call) -> Response:
    """Get what became of the times when a schedule was due."""
    return data(list(_find(call).log))


ENDPOINTS = [
    Endpoint("GET", "/v2/schedules", list_schedules),
    Endpoint("POST", "/v2/schedules", create),
    Endpoint("GET", "/v2/schedules/{scheduleId}", get),
    Endpoint("PUT", "/v2/schedules/{scheduleId}", update),
    Endpoint("DELETE", "/v2/schedules/{scheduleId}", delete),
    Endpoint("GET", "/v2/schedules/{scheduleId}/log", get_log),
]
