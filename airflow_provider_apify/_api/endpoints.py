"""Which HTTP request each Apify operation is. Pure functions, no I/O.

Reference: https://docs.apify.com/api/v2
"""

from __future__ import annotations

import base64
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from airflow_provider_apify._references import read_reference
from airflow_provider_apify.options import RunOptions, Target

MAX_INPUT_BYTES = 9 * 2**20
MAX_WAIT_SECONDS = 60
MAX_PAGE = 1_000
JSON = "application/json; charset=utf-8"
_ANSWER_SECONDS = 30.0
# An Actor may have nothing to log for so long.
_SILENCE_SECONDS = 300.0


@dataclass(frozen=True)
class Request:
    """An HTTP request that has not been sent.

    :param path: already quoted.
    :param params: query parameters by their API names.
    :param user_agent: words added to the User-Agent, kept by Apify with the run that the request starts.
    :param content_type: of the body.
    :param compressed: whether the answer may be compressed: libraries do not notice compressed bodies that end early.
    :param retry_safe: whether sending it twice does no harm; starting a run twice costs money.
    :param delay: seconds to wait before sending.
    :param timeout: seconds without any byte from the server after which there is no answer.
    """

    method: str
    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = field(default=None, repr=False)
    user_agent: str = ""
    content_type: str = JSON
    compressed: bool = True
    retry_safe: bool = True
    delay: float = 0.0
    timeout: float = _ANSWER_SECONDS


def get_target(target: Target) -> Request:
    """``GET /v2/actors/{actorId}`` or ``GET /v2/actor-tasks/{actorTaskId}``: its ID among others, whatever names it."""
    return Request("GET", target_path(target))


def start_run(target: Target, run_input: bytes | None, options: RunOptions) -> Request:
    """``POST /v2/actors/{actorId}/runs`` or ``POST /v2/actor-tasks/{actorTaskId}/runs``.

    :param run_input: JSON text; ``None`` sends no body, so the saved or default input applies.
    """
    params = query(options.to_params())
    return Request("POST", f"{target_path(target)}/runs", params, run_input, retry_safe=False)


def get_run(run_id: str, *, wait: int = 0) -> Request:
    """``GET /v2/actor-runs/{runId}``, answered when the run ends or after ``wait`` (0 to 60) seconds."""
    params = query({"waitForFinish": wait} if wait else {})
    return Request("GET", _run(run_id), params, timeout=_ANSWER_SECONDS + wait)


def last_run(target: Target, *, status: str | None = None, origin: str | None = None) -> Request:
    """``GET /v2/actors/{actorId}/runs/last``, or the same of a task."""
    return Request("GET", f"{target_path(target)}/runs/last", query({"status": status, "origin": origin}))


def list_runs(
    target: Target | None,
    *,
    status: Collection[str] = (),
    started_after: datetime | None = None,
    started_before: datetime | None = None,
    desc: bool = True,
    offset: int = 0,
    limit: int = MAX_PAGE,
) -> Request:
    """``GET /v2/actors/{actorId}/runs``, ``GET /v2/actor-tasks/{actorTaskId}/runs`` or ``GET /v2/actor-runs``.

    :param target: ``None`` lists all runs of the account.
    :param started_after: like ``started_before`` not for tasks: the list of a task's runs cannot be limited so.
    :param limit: at most 1,000.
    """
    is_task = target is not None and target.kind == "task"
    params = {
        "status": tuple(status) or None,
        "startedAfter": None if is_task else _moment("started_after", started_after),
        "startedBefore": None if is_task else _moment("started_before", started_before),
        "desc": desc,
        "offset": offset,
        "limit": limit,
    }
    return Request("GET", f"{target_path(target)}/runs" if target else "/v2/actor-runs", query(params))


def resurrect_run(run_id: str, options: RunOptions) -> Request:
    """``POST /v2/actor-runs/{runId}/resurrect``; Apify refuses it for a run that goes on.

    :raises ValueError: options that only a start has.
    """
    params = options.to_params()
    if {"webhooks", "forcePermissionLevel"} & params.keys():
        raise ValueError("A resurrected run keeps its webhooks and permissions: leave them out.")
    return Request("POST", f"{_run(run_id)}/resurrect", query(params), retry_safe=False)


def reboot_run(run_id: str) -> Request:
    """``POST /v2/actor-runs/{runId}/reboot``; Apify refuses it unless the run is ``RUNNING``."""
    return Request("POST", f"{_run(run_id)}/reboot", retry_safe=False)


def metamorph_run(
    run_id: str,
    actor: Target,
    run_input: bytes | None,
    *,
    build: str | None = None,
    content_type: str = JSON,
) -> Request:
    """``POST /v2/actor-runs/{runId}/metamorph``: turn the run into one of another Actor."""
    params = query({"targetActorId": _id(actor), "build": build})
    path = f"{_run(run_id)}/metamorph"
    return Request("POST", path, params, run_input, content_type=content_type, retry_safe=False)


def set_status_message(run_id: str, message: str, *, is_terminal: bool) -> Request:
    """``PUT /v2/actor-runs/{runId}`` with a status message."""
    known = read_reference("run", run_id)
    body = {"runId": known, "statusMessage": message, "isStatusMessageTerminal": is_terminal}
    return Request("PUT", _run(run_id), body=json.dumps(body).encode())


def delete_run(run_id: str) -> Request:
    """``DELETE /v2/actor-runs/{runId}``; Apify refuses it for a run that goes on."""
    return Request("DELETE", _run(run_id))


def abort_run(run_id: str, *, gracefully: bool = False) -> Request:
    """``POST /v2/actor-runs/{runId}/abort``; aborting twice is harmless."""
    return Request("POST", f"{_run(run_id)}/abort", query({"gracefully": gracefully or None}))


def get_log(run_id: str, *, stream: bool = False) -> Request:
    """``GET /v2/actor-runs/{runId}/log``: at most 10 MiB of text.

    :param stream: the answer goes on until the run is finished.
    """
    params = query({"raw": True, "stream": stream or None})
    return Request("GET", f"{_run(run_id)}/log", params, timeout=_SILENCE_SECONDS if stream else _ANSWER_SECONDS)


def get_dataset(dataset_id: str) -> Request:
    """``GET /v2/datasets/{datasetId}``."""
    return Request("GET", f"/v2/datasets/{segment(dataset_id)}")


def get_items(dataset_id: str, params: Mapping[str, Any]) -> Request:
    """``GET /v2/datasets/{datasetId}/items``.

    :param params: by their API names; ``None`` leaves one out, a list is joined with commas.
    """
    return Request("GET", f"/v2/datasets/{segment(dataset_id)}/items", query(params))


def get_me() -> Request:
    """``GET /v2/users/me``: who the token belongs to."""
    return Request("GET", "/v2/users/me")


def encode_input(run_input: Any) -> bytes | None:
    """Return the body of a start: ``None`` for no input, else JSON text.

    :param run_input: any JSON value, or a string that holds JSON text.
    :raises ValueError: no JSON, or more than the 9 MiB that Apify takes. The message does not hold the input.
    """
    if run_input is None:
        return None
    # Half of a surrogate pair, as scraped text has it, is no UTF-8; its Python escape is also JSON's.
    body = _json_text(run_input).encode(errors="backslashreplace")
    if len(body) > MAX_INPUT_BYTES:
        raise ValueError(
            f"run_input is {len(body):,} bytes of JSON; Apify takes at most {MAX_INPUT_BYTES:,} (9 MiB). "
            "Put large data into a key-value store or a dataset and pass its ID.",
        )
    return body


def encode_body(run_input: Any, content_type: str) -> bytes | None:
    """Return the body of an input of any type: JSON as :func:`encode_input` makes it, else the text or bytes given.

    :raises ValueError: not JSON where ``content_type`` says so, neither text nor bytes where it does not.
    """
    if "json" in content_type or run_input is None:
        return encode_input(run_input)
    if not isinstance(run_input, str | bytes):
        raise ValueError(f"A run_input of type {content_type} must be a string or bytes.")  # noqa: TRY004 - as above
    return run_input.encode() if isinstance(run_input, str) else run_input


def _json_text(run_input: Any) -> str:
    try:
        if isinstance(run_input, str):
            run_input = json.loads(run_input, parse_constant=_refuse_constant)
        return json.dumps(run_input, allow_nan=False, ensure_ascii=False)
    except json.JSONDecodeError as error:
        # ``from None``: the decoder's own error carries the whole input.
        raise ValueError(
            f"run_input is a string that holds no JSON: {error.msg} at line {error.lineno}, column {error.colno}. "
            "Pass a dictionary, JSON text, or the path of a template file that ends in .json.",
        ) from None
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"run_input cannot be written as JSON: {_json_complaint(error)}.") from None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


def _json_complaint(error: Exception) -> str:
    if "Out of range float values" in str(error):
        return "it holds NaN or an infinite number, which JSON has not; use null (None)"
    return str(error)


def query(values: Mapping[str, Any]) -> dict[str, str]:
    """Write parameters as the API reads them: ``None`` is left out, a list is joined with commas."""
    return {name: _param(value) for name, value in values.items() if value is not None}


def _param(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple) and value and isinstance(value[0], Mapping):
        return base64.b64encode(json.dumps(value).encode()).decode()
    return ",".join(value) if isinstance(value, list | tuple) else str(value)


def _moment(name: str, moment: datetime | None) -> str | None:
    if moment is None:
        return None
    if moment.tzinfo is None:
        raise ValueError(f"{name} must have a time zone, unlike {moment!r}.")
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _run(run_id: str) -> str:
    return f"/v2/actor-runs/{segment(read_reference('run', run_id))}"


def target_path(target: Target) -> str:
    """Return where an Actor or a saved task is found."""
    collection = "actors" if target.kind == "actor" else "actor-tasks"
    return f"/v2/{collection}/{segment(_id(target))}"


def _id(target: Target) -> str:
    """Return an ID as it is sent: with a tilde after the username."""
    return target.id.replace("/", "~")


def segment(name: str) -> str:
    """Quote a name for exactly one segment of a path."""
    if not name or name in {".", ".."}:
        raise ValueError(f"{name!r} is no Apify ID or key.")
    return quote(name, safe="~")
