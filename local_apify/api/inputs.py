"""The inputs of runs: read, checked and kept as the API does."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local_apify.api.bodies import parse_json
from local_apify.api.call import Call
from local_apify.world.actor import Actor
from local_apify.world.datasets import utf8
from local_apify.world.errors import ApiError
from local_apify.world.inputs import complaint
from local_apify.world.resources import granted
from local_apify.world.runs import Run, Task
from local_apify.world.stores import Record
from local_apify.world.world import World

_JSON = "application/json; charset=utf-8"


@dataclass(frozen=True)
class Input:
    """What a run is started with.

    :param record: ``None`` for nothing.
    :param values: its fields; ``None`` where it is no JSON.
    """

    record: Record | None
    values: Mapping[str, Any] | None


async def read_input(call: Call, task: Task | None) -> Input:
    """Return the input of a run: the body, on top of the saved input of a task.

    :raises ApiError: the body says it is JSON, and is no JSON object.
    """
    body = await call.body.read()
    content_type = call.request.headers.get("content-type", _JSON)
    if body and "json" not in content_type:
        return Input(Record(body, content_type), None)
    given = parse_json(body, "run-input-body-not-valid-json") if body else None
    if given is None:
        body = b""  # the official client sends null where it is given no input
    elif not isinstance(given, dict):
        raise ApiError(400, "input-json-not-object", "Input must be a JSON object.")
    if task is not None and task.input is not None:
        return _of_values(task.input | (given or {}))
    return Input(Record(body, content_type) if body else None, given or {})


def scheduled_input(action: Mapping[str, Any], task: Task | None) -> Input:
    """Return the input that an action of a schedule has for a run."""
    if task is not None:
        given = action.get("input")
        nothing = task.input is None and given is None
        return Input(None, {}) if nothing else _of_values((task.input or {}) | (given or {}))
    given = action.get("runInput") or {}
    body, content_type = utf8(given.get("body") or ""), given.get("contentType") or _JSON
    if not body:
        return Input(None, {})
    values = parse_json(body, "run-input-body-not-valid-json") if "json" in content_type else None
    return Input(Record(body, content_type), values if isinstance(values, dict) else None)


def _of_values(values: dict[str, Any]) -> Input:
    encoded = json.dumps(values, ensure_ascii=False).encode(errors="backslashreplace")
    return Input(Record(encoded, _JSON), values)


def check_input(world: World, actor: Actor, build_number: str, values: Mapping[str, Any] | None) -> None:
    """Check an input against the schema of a build; without one, any is valid.

    :raises ApiError: it does not fit.
    """
    wrong = None if values is None else complaint(world.builds.input_schema(actor, build_number), values)
    if wrong is not None:
        raise ApiError(400, "invalid-input", f"Input is not valid: {wrong}")


def give_input(world: World, run: Run, given: Input) -> None:
    """Keep the input of a new run, and let its token open what the input names."""
    if given.record is not None:
        run.store.put("INPUT", given.record)
    run.granted = granted(world, world.builds.input_schema(run.actor, run.build_number), given.values or {})
