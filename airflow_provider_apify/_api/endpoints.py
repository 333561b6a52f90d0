"""Which HTTP request each Apify operation is. Pure functions, no I/O.

Reference: https://docs.apify.com/api/v2
"""

from __future__ import annotations

import base64
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from airflow_provider_apify._references import read_reference
from airflow_provider_apify.options import RunOptions, Target

MAX_WAIT_SECONDS = 60
MAX_SYNC_SECONDS = 300
MAX_PAGE = 1_000
JSON = "application/json; charset=utf-8"
CREATED, NO_CONTENT = 201, 204
_ANSWER_SECONDS = 30.0
_WAIT = "waitForFinish"
_ROUND_SECONDS = 30.0
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
    :param if_lost: what to say where it is not, and stays unknown whether it was done.
    :param done_status: the only HTTP status that says it was done; ``None`` where the answer's body tells.
    :param brings: what a good answer holds: ``"JSON"``, a ``"record"`` or a ``"log"``.
    :param delay: seconds to wait before sending.
    :param not_after: Unix time after which it is not sent any more, because what it stands on may be wrong then.
    :param timeout: seconds without any byte from the server after which there is no answer.
    :param is_long: whether the answer may be long, as items, records and logs are: it only must not fall silent. Any
        other has to be whole after ``timeout``, however its bytes trickle in; see ``transports``.
    :param label: what errors call it, where method and path do not tell.
    :param address_setting: what decides where it is sent, for errors.
    :param beside: requests to be sent at the same time; the answers to them come beside its own.
    """

    method: str
    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = field(default=None, repr=False)
    user_agent: str = ""
    content_type: str = JSON
    compressed: bool = True
    retry_safe: bool = True
    if_lost: str = "It is unknown whether it was done; not repeated."
    done_status: int | None = None
    brings: str = "JSON"
    delay: float = 0.0
    not_after: float | None = None
    timeout: float = _ANSWER_SECONDS
    is_long: bool = False
    label: str = ""
    address_setting: str = "the connection's host"
    beside: tuple[Request, ...] = ()

    @property
    def has_answer_body(self) -> bool:
        """Whether the answer may have a body."""
        return self.method != "HEAD"


def get_target(target: Target) -> Request:
    """``GET /v2/actors/{actorId}`` or ``GET /v2/actor-tasks/{actorTaskId}``: its ID among others, whatever names it."""
    return Request("GET", target_path(target))


def start_run(target: Target, run_input: bytes | None, options: RunOptions) -> Request:
    """``POST /v2/actors/{actorId}/runs`` or ``POST /v2/actor-tasks/{actorTaskId}/runs``.

    :param run_input: JSON text; ``None`` sends no body, so the saved or default input applies.
    """
    params = query(options.to_params())
    return Request("POST", f"{target_path(target)}/runs", params, run_input, retry_safe=False)


def run_sync(target: Target, run_input: bytes | None, options: RunOptions, *, output_key: str) -> Request:
    """``POST /v2/actors/{actorId}/run-sync`` or ``POST /v2/actor-tasks/{actorTaskId}/run-sync``.

    :param output_key: of the record to answer with.
    """
    return _in_one_request(f"{target_path(target)}/run-sync", run_input, options, {"outputRecordKey": output_key})


def run_sync_items(target: Target, run_input: bytes | None, options: RunOptions, params: Mapping[str, Any]) -> Request:
    """``POST /v2/actors/{actorId}/run-sync-get-dataset-items``, or the same of a task.

    That is ``POST /v2/actor-tasks/{actorTaskId}/run-sync-get-dataset-items``.

    :param params: as of :func:`get_items`.
    """
    return _in_one_request(f"{target_path(target)}/run-sync-get-dataset-items", run_input, options, params)


def _in_one_request(path: str, run_input: bytes | None, options: RunOptions, params: Mapping[str, Any]) -> Request:
    if options.force_permission_level is not None:
        raise ValueError("force_permission_level is an option of a start, not of a run in one request: leave it out.")
    return Request(
        "POST",
        path,
        query({**options.to_params(), **params}),
        run_input,
        compressed=False,
        retry_safe=False,
        timeout=MAX_SYNC_SECONDS + _ANSWER_SECONDS,
        is_long=True,
    )


def get_run(run_id: str, *, wait: int = 0) -> Request:
    """``GET /v2/actor-runs/{runId}``, answered when the run ends or after ``wait`` (0 to 60) seconds."""
    params = query({_WAIT: wait} if wait else {})
    return Request("GET", _run(run_id), params, timeout=_ANSWER_SECONDS + wait)


def taking_turns(request: Request, share: float) -> Request:
    """Return a request that lets the server wait for less, where there are fewer connections than who wait over them.

    So each gets its turn about every half minute, and holds a connection for its share of it.

    :param share: connections for each who waits; from 1 on, the request stays as it is.
    """
    wait = int(request.params.get(_WAIT, 0))
    if not wait or share >= 1:
        return request
    short = max(1, min(wait, int(_ROUND_SECONDS * share)))
    return replace(request, params={**request.params, _WAIT: str(short)}, timeout=request.timeout - wait + short)


def last_run(target: Target, *, status: str | None = None, origin: str | None = None) -> Request:
    """``GET /v2/actors/{actorId}/runs/last`` or ``GET /v2/actor-tasks/{actorTaskId}/runs/last``."""
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
    return Request("DELETE", _run(run_id), done_status=NO_CONTENT)


def abort_run(run_id: str, *, gracefully: bool = False) -> Request:
    """``POST /v2/actor-runs/{runId}/abort``; aborting twice is harmless."""
    return Request("POST", f"{_run(run_id)}/abort", query({"gracefully": gracefully or None}))


def get_log(run_id: str, *, stream: bool = False) -> Request:
    """``GET /v2/actor-runs/{runId}/log``: at most 10 MiB of text.

    :param stream: the answer goes on until the run is finished.
    """
    params = query({"raw": True, "stream": stream or None})
    silence = _SILENCE_SECONDS if stream else _ANSWER_SECONDS
    return Request("GET", f"{_run(run_id)}/log", params, timeout=silence, is_long=True, brings="log")


def get_dataset(dataset_id: str) -> Request:
    """``GET /v2/datasets/{datasetId}``."""
    return Request("GET", f"/v2/datasets/{segment(read_reference('dataset', dataset_id))}")


def get_items(dataset_id: str, params: Mapping[str, Any]) -> Request:
    """``GET /v2/datasets/{datasetId}/items``.

    :param params: by their API names; ``None`` leaves one out, a list is joined with commas.
    """
    path = f"/v2/datasets/{segment(read_reference('dataset', dataset_id))}/items"
    return Request("GET", path, query(params), is_long=True)


def get_me() -> Request:
    """``GET /v2/users/me``: who the token belongs to."""
    return Request("GET", "/v2/users/me")


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
    if not isinstance(name, str) or not name or name in {".", ".."}:
        raise ValueError(f"{name!r} is no Apify ID or key.")
    return quote(name, safe="~")
