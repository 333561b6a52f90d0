"""Starting runs: options, permissions and ad-hoc webhooks, checked as the API checks them."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from local_apify.api.bodies import JsonObject, parse_json
from local_apify.api.call import Call
from local_apify.api.inputs import check_input, give_input, read_input, scheduled_input
from local_apify.api.query import Query
from local_apify.api.webhook_views import webhook_from
from local_apify.world.actor import FULL_PERMISSIONS, PERMISSION_LEVELS, Actor
from local_apify.world.errors import ApiError, forbidden, invalid
from local_apify.world.runs import Caller, Run, RunOptions, Task
from local_apify.world.webhooks import Webhook
from local_apify.world.world import World

MIN_MEMORY_MBYTES = 128
MAX_MEMORY_MBYTES = 32_768
MAX_WEBHOOKS = 100
_KINDS: Mapping[str, tuple[type, ...]] = {
    "build": (str,),
    "timeoutSecs": (int,),
    "memoryMbytes": (int,),
    "maxItems": (int,),
    "maxTotalChargeUsd": (int, float),
    "restartOnError": (bool,),
    "forcePermissionLevel": (str,),
}
SECRET_HEADERS = frozenset({"authorization", "cookie"})


async def start_run(call: Call, actor: Actor, task: Task | None) -> Run:
    """Check everything, then start a run.

    :raises ApiError: something is wrong, or there is no room; nothing was started.
    """
    options = _run_options(call.query, actor, task)
    build_number = call.world.builds.number_of(actor, options.build)
    level = _permission_level(call, actor)
    representations = _webhook_representations(call)
    given = await read_input(call, task)
    check_input(call.world, actor, build_number, given.values)
    run = call.world.create_run(
        actor,
        task=task,
        options=options,
        build=build_number,
        caller=caller_of(call),
        has_full_permission=level == FULL_PERMISSIONS,
    )
    give_input(call.world, run, given)
    for webhook in _ad_hoc(representations, run):
        call.world.webhooks.add(webhook)
    call.world.engine.start(run)
    return run


def start_action(world: World, action: Mapping[str, Any]) -> Run:
    """Start what an action of a schedule says.

    :raises ApiError: something is wrong, or there is no room; nothing was started.
    """
    task = world.find_task(action["actorTaskId"]) if action["type"] == "RUN_ACTOR_TASK" else None
    actor = world.actor_of(task) if task else world.find_actor(action["actorId"])
    options = _run_options(Query({}), actor, task, action.get("runOptions"))
    caller = Caller(user_agent=None, client_ip=None, headers={}, origin="SCHEDULER")
    build_number = world.builds.number_of(actor, options.build)
    check_approved(world, actor)
    given = scheduled_input(action, task)
    check_input(world, actor, build_number, given.values)
    run = world.create_run(
        actor,
        task=task,
        options=options,
        build=build_number,
        caller=caller,
        has_full_permission=actor.needs_full_permission,
    )
    give_input(world, run, given)
    world.engine.start(run)
    return run


def _run_options(query: Query, actor: Actor, task: Task | None, more: Mapping[str, Any] | None = None) -> RunOptions:
    """Return the options of a run: what the query says, else ``more``, else the saved task, else the Actor."""
    saved = actor.run_options
    for given in (task.options if task else {}, more or {}):
        saved |= {name: value for name, value in given.items() if value is not None}
    options = RunOptions(
        build=query.text("build") or saved["build"],
        timeout_secs=first(query.integer("timeout"), saved["timeoutSecs"]),
        memory_mbytes=first(query.integer("memory"), saved["memoryMbytes"]),
        max_items=first(query.integer("maxItems", minimum=-math.inf), saved.get("maxItems")),
        max_total_charge_usd=first(query.number("maxTotalChargeUsd"), saved.get("maxTotalChargeUsd")),
        restart_on_error=query.flag("restartOnError", default=bool(saved.get("restartOnError"))),
    )
    check_options(options, actor)
    return options


def check_saved_options(options: Mapping[str, Any], actor: Actor) -> None:
    """Check options before they are saved for starts to come.

    :raises ApiError: one of them has a value that no start could have.
    """
    unknown = sorted(options.keys() - _KINDS.keys())
    if unknown:
        raise ApiError(400, "invalid-input", f"There is no option {', '.join(unknown)}.")
    for name, kinds in _KINDS.items():
        value = options.get(name)
        if value is not None and not (isinstance(value, kinds) and isinstance(value, bool) == (bool in kinds)):
            raise ApiError(400, "invalid-input", f'Option "{name}" must be of type {kinds[-1].__name__}.')
    if (options.get("timeoutSecs") or 0) < 0:
        raise ApiError(400, "invalid-input", 'Option "timeoutSecs" must not be negative.')
    _run_options(Query({}), actor, None, options)


def first(*values: Any) -> Any:
    """Return the first value that was given."""
    return next((value for value in values if value is not None), None)


def check_options(options: RunOptions, actor: Actor) -> None:
    """Check what a run may use.

    :raises ApiError: it is too little, too much, or not a value that exists.
    """
    memory = options.memory_mbytes
    if not MIN_MEMORY_MBYTES <= memory <= MAX_MEMORY_MBYTES or memory & (memory - 1):
        raise invalid(f'Parameter "memory" must be a power of 2 from {MIN_MEMORY_MBYTES} to {MAX_MEMORY_MBYTES}')
    if options.max_items is not None and options.max_items <= 0:
        raise ApiError(400, "max-items-must-be-greater-than-zero", "Maximum items must be greater than zero.")
    charge = options.max_total_charge_usd
    if charge is not None and charge <= 0:
        message = "Maximum total charge must be greater than zero."
        raise ApiError(400, "max-total-charge-usd-must-be-greater-than-zero", message)
    if charge is not None and charge < (actor.minimal_charge_usd or 0):
        message = f"Maximum total charge of this Actor must be at least ${actor.minimal_charge_usd}."
        raise ApiError(400, "max-total-charge-usd-below-minimum", message)


def _permission_level(call: Call, actor: Actor) -> str:
    """Return the permission level of a run: the one that is asked for, else the Actor's own.

    :raises ApiError: there is no such level, or the run may not have it.
    """
    level = call.query.text("forcePermissionLevel") or actor.permission_level
    if level not in PERMISSION_LEVELS:
        raise invalid(f'Parameter "forcePermissionLevel" must be {" or ".join(PERMISSION_LEVELS)}')
    if level == FULL_PERMISSIONS:
        if call.access.limited_run is not None:
            raise forbidden("Actor")
        check_approved(call.world, actor)
    return level


def check_approved(world: World, actor: Actor) -> None:
    """Check that an Actor may have the full permissions it needs: nobody has approved any; one's own need no approval.

    :raises ApiError: it may not.
    """
    if actor.needs_full_permission and actor.username != world.user.username:
        url = f"{world.settings.console_url}/actors/{actor.id}?approvePermissions=true"
        message = f"Actor {actor.name} needs full permissions, and nobody has approved that yet."
        raise ApiError(403, "full-permission-actor-not-approved", message, {"approvalUrl": url})


def _webhook_representations(call: Call) -> list[dict[str, Any]]:
    encoded = call.query.text("webhooks")
    if encoded is None:
        return []
    try:
        values = parse_json(base64.b64decode(encoded, validate=True), "invalid-parameter")
    except ValueError:
        raise invalid('Parameter "webhooks" must be a JSON array encoded as base64') from None
    if not isinstance(values, list) or len(values) > MAX_WEBHOOKS:
        raise invalid(f'Parameter "webhooks" must be a JSON array of at most {MAX_WEBHOOKS} webhooks')
    for value in values:
        webhook_from(JsonObject(value), is_ad_hoc=True)
    return values


def _ad_hoc(representations: list[dict[str, Any]], run: Run) -> list[Webhook]:
    condition = {"actorRunId": run.id}
    webhooks = [
        webhook_from(JsonObject({**value, "condition": condition}), is_ad_hoc=True) for value in representations
    ]
    return [replace(webhook, came_with_start=True) for webhook in webhooks]


def caller_of(call: Call) -> Caller:
    """Return who sent a request, without what must stay secret."""
    headers = {name: value for name, value in call.request.headers.items() if name.lower() not in SECRET_HEADERS}
    client, run = call.request.client, call.acting_run
    return Caller(
        user_agent=call.request.headers.get("user-agent"),
        client_ip=client.host if client else None,
        headers=headers,
        origin="ACTOR" if run else "API",
        run_id=run.id if run else None,
    )
