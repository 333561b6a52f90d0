"""Which HTTP request each operation on Actors, builds, saved tasks, Apify Store and the account is. No I/O.

Reference: https://docs.apify.com/api/v2
"""

from __future__ import annotations

import json
from typing import Any

from airflow_provider_apify._api.answers import Response, read_json
from airflow_provider_apify._api.facts import MAX_PAGE
from airflow_provider_apify._api.flows import Flow, call_data, call_reading
from airflow_provider_apify._api.request import Request, query, segment, target_path
from airflow_provider_apify.models.actors import Actor, SavedTask
from airflow_provider_apify.options import RetryPolicy, Target


def validate_input(actor: Target, run_input: bytes, *, build: str | None) -> Request:
    """``POST /v2/actors/{actorId}/validate-input``.

    :param run_input: JSON text of an object.
    """
    return Request("POST", f"{target_path(actor)}/validate-input", query({"build": build}), run_input)


def get_build(build_id: str) -> Request:
    """``GET /v2/actor-builds/{buildId}``."""
    return Request("GET", f"/v2/actor-builds/{segment(build_id)}")


def get_default_build(actor: Target) -> Request:
    """``GET /v2/actors/{actorId}/builds/default``."""
    return Request("GET", f"{target_path(actor)}/builds/default")


def list_builds(actor: Target, *, desc: bool, offset: int) -> Request:
    """``GET /v2/actors/{actorId}/builds``."""
    return Request("GET", f"{target_path(actor)}/builds", query({"desc": desc, "offset": offset, "limit": MAX_PAGE}))


def get_task_input(task: Target) -> Request:
    """``GET /v2/actor-tasks/{actorTaskId}/input``."""
    return Request("GET", f"{target_path(task)}/input")


def search_store(filters: dict[str, Any], *, offset: int, limit: int) -> Request:
    """``GET /v2/store``.

    :param filters: by their API names; ``None`` leaves one out.
    """
    return Request("GET", "/v2/store", query({**filters, "offset": offset, "limit": limit}))


def get_target(target: Target) -> Request:
    """``GET /v2/actors/{actorId}`` or ``GET /v2/actor-tasks/{actorTaskId}``: its ID among others, whatever names it."""
    return Request("GET", target_path(target))


def identify(target: Target, retry: RetryPolicy) -> Flow[Target]:
    """Return an Actor or a saved task by its ID, which runs name, whatever names it.

    :raises ApifyNotFoundError: there is no such target, or the token may not see it.
    """
    return Target(target.kind, (yield from call_data(get_target(target), retry))["id"])


def name_of(target: Target, retry: RetryPolicy) -> Flow[str | None]:
    """Return ``username~name`` of an Actor or a saved task; ``None`` where Apify does not say whose it is.

    :raises ApifyNotFoundError: there is no such target, or the token may not see it.
    """
    found = yield from call_data(get_target(target), retry)
    return f"{found['username']}~{found['name']}" if found.get("username") else None


def validate_for_run(target: Target, run_input: bytes | None, build: str | None, retry: RetryPolicy) -> Flow[None]:
    """Have Apify check an input against the schema of the build that a run would take.

    :param run_input: JSON text; ``None`` for the saved or default input.
    :raises ApifyInvalidInputError: it does not fit; the message names the field.
    """
    actor, body = target, run_input or b"{}"
    if target.kind == "task":
        saved = SavedTask.from_api((yield from call_data(get_target(target), retry)))
        actor, build = Target("actor", saved.actor_id), build or saved.build
        body = _merged(saved, body)
    # Apify would take ``latest``, which a run may not.
    build = build or Actor.from_api((yield from call_data(get_target(actor), retry))).default_build
    request = validate_input(actor, body, build=build)
    yield from call_reading(request, retry, _read_verdict)


def _merged(saved: SavedTask, override: bytes) -> bytes:
    """Return the input that a run of a saved task gets, as Apify merges it: field by field."""
    values = json.loads(override)
    if not isinstance(values, dict):
        raise ValueError("The input of a saved task must be a JSON object: Apify merges it over the saved one.")  # noqa: TRY004
    return json.dumps({**(saved.input or {}), **values}).encode()


def _read_verdict(response: Response) -> bool | None:
    """Return ``True``, the only verdict that is no error; ``None`` where the answer is none of Apify's."""
    try:
        return read_json(response.body)["valid"] is True or None
    except (ValueError, KeyError, TypeError):
        return None
