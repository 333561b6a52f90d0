"""Runs: start, read, list, wait, end."""

from __future__ import annotations

from starlette.responses import Response

from local_apify.api.answers import data, page_of
from local_apify.api.call import Call
from local_apify.api.endpoint import Endpoint, Handler
from local_apify.api.records import record_response
from local_apify.api.starts import check_approved, check_options, first, start_run
from local_apify.api.streams import items_response
from local_apify.world.account import ACCESS_LEVELS
from local_apify.world.actor import Actor
from local_apify.world.errors import ApiError, forbidden
from local_apify.world.run_views import public_run_shape, run_shape, short_run_shape
from local_apify.world.runs import Run, RunOptions, Task
from local_apify.world.stores import Record

_CREATED = 201
MAX_EVENTS_AT_ONCE = 1_000_000
"""No limit of Apify's is known."""
RUNS = (
    "/v2/actor-runs/{runId}",
    "/v2/actors/{actorId}/runs/last",
    "/v2/actor-tasks/{actorTaskId}/runs/last",
)
"""The paths that name a run, each with a group of endpoints below it."""


def _target(call: Call) -> tuple[Actor, Task | None]:
    if "actorId" in call.path:
        return call.find_actor(), None
    task = call.find_task()
    return call.world.actor_of(task), task


def _answer(call: Call, run: Run, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    shape = run_shape if call.access.has_run(run) else public_run_shape
    return data(shape(run, call.world.settings), status, headers)


async def start(call: Call) -> Response:
    """Start an Actor or a saved task."""
    call.query.integer("waitForFinish")
    run = await start_run(call, *_target(call))
    await call.wait_for_end(run)
    return _answer(call, run, 201, {"Location": f"{call.base_url}/v2/actor-runs/{run.id}"})


async def get(call: Call) -> Response:
    """Get a run; wait for its end if asked to."""
    run = call.find_run()
    await call.wait_for_end(run)
    return _answer(call, run)


async def list_runs(call: Call) -> Response:
    """List runs: all, or those of an Actor or task."""
    statuses = call.statuses()
    after, before = call.query.moment("startedAfter"), call.query.moment("startedBefore")
    runs = [
        run
        for run in call.owned_runs()
        if (not statuses or run.status in statuses)
        and (after is None or run.created_at >= after)
        and (before is None or run.created_at <= before)
    ]
    return page_of(call, runs, lambda run: short_run_shape(run, call.world.settings))


async def abort(call: Call) -> Response:
    """Abort a run."""
    run = call.find_run()
    call.world.engine.abort(run, gracefully=call.query.flag("gracefully"))
    return _answer(call, run)


async def resurrect(call: Call) -> Response:
    """Let a finished run go on; its limits can be raised."""
    run = call.find_run()
    build = call.query.text("build")
    actor = call.world.as_it_is(run.actor)
    number = call.world.builds.number_of(actor, build) if build else run.build_number
    options = RunOptions(
        build=build or run.options.build,
        timeout_secs=first(call.query.integer("timeout"), run.options.timeout_secs),
        memory_mbytes=first(call.query.integer("memory"), run.options.memory_mbytes),
        max_items=first(call.query.integer("maxItems", minimum=1), run.options.max_items),
        max_total_charge_usd=first(call.query.number("maxTotalChargeUsd"), run.options.max_total_charge_usd),
        restart_on_error=call.query.flag("restartOnError", default=run.options.restart_on_error),
    )
    check_options(options, run.actor)
    _check_not_lowered(run.options, options)
    call.world.ensure_capacity(options.memory_mbytes)
    call.world.engine.resurrect(run)
    run.options, run.build_number = options, number
    return _answer(call, run)


def _check_not_lowered(old: RunOptions, new: RunOptions) -> None:
    for limit in ("max_items", "max_total_charge_usd"):
        before, after = getattr(old, limit), getattr(new, limit)
        if before is not None and after < before:
            raise ApiError(400, "invalid-value", "The limits of a run cannot be lowered when it is resurrected.")


async def reboot(call: Call) -> Response:
    """Start a run's work again from its beginning."""
    run = call.find_run()
    await call.world.engine.reboot(run)
    return _answer(call, run)


async def metamorph(call: Call) -> Response:
    """Turn a run into one of another Actor; the body, if there is one, is the other Actor's input."""
    run = call.find_run()
    actor = call.world.find_actor(call.query.text("targetActorId") or "")
    check_approved(call.world, actor)
    if actor.needs_full_permission and not run.has_full_permission:
        raise forbidden("Actor")
    build_number = call.world.builds.number_of(actor, call.query.text("build") or "latest")
    body = await call.body.read()
    content_type = call.request.headers.get("content-type", "application/json; charset=utf-8")
    await call.world.engine.metamorph(run, actor, build_number, Record(body, content_type) if body else None)
    return _answer(call, run)


async def update(call: Call) -> Response:
    """Change a run's status message or who may see it."""
    run = call.find_run()
    body = await call.body.json_object()
    message, access = body.get("statusMessage", str), body.one_of("generalAccess", ACCESS_LEVELS)
    if message is not None:
        run.set_status_message(message, is_terminal=body.get("isStatusMessageTerminal", bool) or False)
    run.general_access = access or run.general_access
    return _answer(call, run)


async def charge(call: Call) -> Response:
    """Charge for events of a run."""
    run = call.find_run()
    body = await call.body.json_object()
    event, count = body.get("eventName", str) or "", body.get("count", int)
    if count is None or not 0 <= count <= MAX_EVENTS_AT_ONCE:
        raise ApiError(400, "invalid-input", f'Field "count" must be a number from 0 to {MAX_EVENTS_AT_ONCE}.')
    if run.is_terminal:
        raise ApiError(400, "operation-not-allowed", "A run that has finished cannot be charged for.")
    try:
        run.charge(event, count, idempotency_key=call.request.headers.get("idempotency-key"))
    except ValueError as error:
        raise ApiError(400, "cannot-charge-non-pay-per-event-actor", str(error)) from None
    return Response(b"{}", 201, media_type="application/json")


async def delete(call: Call) -> Response:
    """Delete a finished run."""
    call.world.forget_run(call.find_run())
    return Response(status_code=204)


async def _run_sync(call: Call) -> Run:
    """Start a run and wait for its end.

    :raises ApiError: it did not end in time, or not well.
    """
    run = await start_run(call, *_target(call))
    limit = call.world.settings.sync_wait_seconds
    if not await call.world.clock.wait(run.finished, limit):
        message = f"Actor run exceeded the timeout of {limit:g} seconds for this API endpoint"
        raise ApiError(408, "run-timeout-exceeded", message)
    if run.status != "SUCCEEDED":
        message = f"Actor run did not succeed (run ID: {run.id}, status: {run.status})."
        raise ApiError(400, "run-failed", message)
    return run


async def run_sync(call: Call) -> Response:
    """Run, and answer with the OUTPUT record."""
    run = await _run_sync(call)
    key = call.query.text("outputRecordKey") or "OUTPUT"
    status = call.world.settings.sync_without_output_status
    if key not in run.store.records and status == _CREATED:
        return Response(status_code=status)
    return record_response(call, run.store, key, status=201)


async def run_sync_items(call: Call) -> Response:
    """Run, and answer with the dataset's items."""
    run = await _run_sync(call)
    return await items_response(call, run.dataset, status=201)


def _for_targets(method: str, ending: str, handler: Handler) -> list[Endpoint]:
    return [
        Endpoint(method, f"{target}{ending}", handler)
        for target in ("/v2/actors/{actorId}", "/v2/actor-tasks/{actorTaskId}")
    ]


ENDPOINTS = [
    Endpoint("GET", "/v2/actor-runs", list_runs),
    *_for_targets("GET", "/runs", list_runs),
    *_for_targets("POST", "/runs", start),
    *_for_targets("GET", "/runs/last", get),
    *[endpoint for method in ("GET", "POST") for endpoint in _for_targets(method, "/run-sync", run_sync)],
    *[
        endpoint
        for method in ("GET", "POST")
        for endpoint in _for_targets(method, "/run-sync-get-dataset-items", run_sync_items)
    ],
    *[Endpoint("POST", f"{path}/abort", abort) for path in RUNS],
    *[Endpoint("POST", f"{path}/reboot", reboot) for path in RUNS],
    *[Endpoint("POST", f"{path}/metamorph", metamorph) for path in RUNS],
    Endpoint("GET", "/v2/actor-runs/{runId}", get, is_public=True),
    Endpoint("PUT", "/v2/actor-runs/{runId}", update),
    Endpoint("DELETE", "/v2/actor-runs/{runId}", delete),
    Endpoint("POST", "/v2/actor-runs/{runId}/resurrect", resurrect),
    Endpoint("POST", "/v2/actor-runs/{runId}/charge", charge),
    Endpoint("GET", "/v2/actors/{actorId}/runs/{runId}", get),
    Endpoint("POST", "/v2/actors/{actorId}/runs/{runId}/abort", abort),
    Endpoint("POST", "/v2/actors/{actorId}/runs/{runId}/resurrect", resurrect),
    Endpoint("POST", "/v2/actors/{actorId}/runs/{runId}/metamorph", metamorph),
]
