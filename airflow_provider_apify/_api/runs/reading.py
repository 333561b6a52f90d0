"""Read a run, or look whether there is one. No I/O."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from airflow_provider_apify._api.actors import get_target
from airflow_provider_apify._api.facts import MAX_PAGE
from airflow_provider_apify._api.flows import Flow, call_data, call_known
from airflow_provider_apify._api.request import Request
from airflow_provider_apify._api.runs import endpoints
from airflow_provider_apify._api.runs.endpoints import last_run
from airflow_provider_apify.exceptions import ApifyAuthError, ApifyNotFoundError
from airflow_provider_apify.models.runs import ActorRun
from airflow_provider_apify.options import RetryPolicy, Target


def call_known_run(request: Request, retry: RetryPolicy) -> Flow[ActorRun]:
    """Do what :func:`call_known` does with a run, and return it."""
    return ActorRun.from_api((yield from call_known(request, lambda asked: call_data(asked, retry))))


def get_run(run_id: str, retry: RetryPolicy, *, delay: float = 0.0) -> Flow[ActorRun]:
    """Read a run, after ``delay`` seconds; one that has just started may be unknown to the server that answers."""
    return (yield from call_known_run(replace(endpoints.get_run(run_id), delay=delay), retry))


_FORBIDDEN = 403


def look_for_last_run(
    target: Target, retry: RetryPolicy, *, status: str | None = None, origin: str | None = None
) -> Flow[ActorRun | None]:
    """Look for the newest run of a target; ``None`` where there is none yet.

    :param status: only a run in this status.
    :param origin: only a run started this way.
    :raises ApifyNotFoundError: there is no such target, so that no run of it will ever come.
    """
    try:
        return ActorRun.from_api((yield from call_data(last_run(target, status=status, origin=origin), retry)))
    except ApifyNotFoundError:
        yield from _look_for_target(target, retry)
        return None


def look_for_run_of_a_time(
    target: Target,
    retry: RetryPolicy,
    *,
    status: str | None = None,
    origin: str | None = None,
    started_after: datetime | None = None,
    started_before: datetime | None = None,
) -> Flow[ActorRun | None]:
    """Look for the first run that started since a time, else for the newest one; ``None`` where there is none yet.

    :param started_after: inclusive; without it, the newest run is meant.
    :param started_before: exclusive.
    :return: the run as lists tell of it.
    :raises ApifyNotFoundError: there is no such target.
    """
    # Lists of saved tasks' runs cannot be limited to a time, so they begin with the newest.
    is_newest_first = started_after is None or target.kind == "task"
    found, offset = None, 0
    while True:
        request = endpoints.list_runs(
            target,
            status=() if status is None else (status,),
            started_after=started_after,
            started_before=started_before,
            desc=is_newest_first,
            offset=offset,
        )
        items = (yield from call_data(request, retry))["items"]
        for run in map(ActorRun.from_api, items):
            is_early = _is_earlier(run, started_after)
            if is_early and is_newest_first:
                return found
            if is_early or not _is_earlier(run, started_before, default=True) or origin not in {None, run.meta.origin}:
                continue
            if started_after is None or not is_newest_first:
                return run
            found = run
        if len(items) < MAX_PAGE:
            return found
        offset += len(items)


def _is_earlier(run: ActorRun, moment: datetime | None, *, default: bool = False) -> bool:
    return default if moment is None or run.started_at is None else run.started_at < moment


def _look_for_target(target: Target, retry: RetryPolicy) -> Flow[None]:
    """Ask for the target itself: that it has no such run, and that there is no such target, are the same answer."""
    try:
        yield from call_data(get_target(target), retry)
    except ApifyAuthError as error:
        if error.http_status != _FORBIDDEN:
            raise
