"""Which HTTP request each operation on runs and their logs is. No I/O.

Reference: https://docs.apify.com/api/v2
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from airflow_provider_apify._api.facts import MAX_PAGE, MAX_SYNC_SECONDS
from airflow_provider_apify._api.request import (
    ANSWER_SECONDS,
    JSON,
    NO_CONTENT,
    WAIT_PARAMETER,
    Request,
    moment,
    query,
    segment,
    target_id,
    target_path,
)
from airflow_provider_apify._arguments.references import read_reference
from airflow_provider_apify.options import RunOptions, Target

# An Actor may have nothing to log for so long.
_SILENCE_SECONDS = 300.0


def start_run(target: Target, run_input: bytes | None, options: RunOptions) -> Request:
    """``POST /v2/actors/{actorId}/runs`` or ``POST /v2/actor-tasks/{actorTaskId}/runs``.

    :param run_input: JSON text; ``None`` sends no body, so the saved or default input applies.
    """
    params = query(options.to_params())
    return Request("POST", f"{target_path(target)}/runs", params, run_input, retry_safe=False, spends=True)


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
    options.check_taken_by("run in one request")
    return Request(
        "POST",
        path,
        query({**options.to_params(), **params}),
        run_input,
        compressed=False,
        retry_safe=False,
        spends=True,
        timeout=MAX_SYNC_SECONDS + ANSWER_SECONDS,
        is_long=True,
    )


def get_run(run_id: str, *, wait: int = 0) -> Request:
    """``GET /v2/actor-runs/{runId}``, answered when the run ends or after ``wait`` (0 to 60) seconds."""
    params = query({WAIT_PARAMETER: wait} if wait else {})
    return Request("GET", _run(run_id), params, timeout=ANSWER_SECONDS + wait)


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
        "startedAfter": None if is_task else moment("started_after", started_after),
        "startedBefore": None if is_task else moment("started_before", started_before),
        "desc": desc,
        "offset": offset,
        "limit": limit,
    }
    return Request("GET", f"{target_path(target)}/runs" if target else "/v2/actor-runs", query(params))


def resurrect_run(run_id: str, options: RunOptions) -> Request:
    """``POST /v2/actor-runs/{runId}/resurrect``; Apify refuses it for a run that goes on.

    :raises ValueError: options that only a start has.
    """
    options.check_taken_by("resurrection")
    return Request("POST", f"{_run(run_id)}/resurrect", query(options.to_params()), retry_safe=False, spends=True)


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
    params = query({"targetActorId": target_id(actor), "build": build})
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
    silence = _SILENCE_SECONDS if stream else ANSWER_SECONDS
    return Request("GET", f"{_run(run_id)}/log", params, timeout=silence, is_long=True, brings="log")


def _run(run_id: str) -> str:
    return f"/v2/actor-runs/{segment(read_reference('run', run_id))}"
