"""Read a run, or look whether there is one. No I/O."""

from __future__ import annotations

from dataclasses import replace

from airflow_provider_apify._api.actors import get_target
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


def _look_for_target(target: Target, retry: RetryPolicy) -> Flow[None]:
    """Ask for the target itself: that it has no such run, and that there is no such target, are the same answer."""
    try:
        yield from call_data(get_target(target), retry)
    except ApifyAuthError as error:
        if error.http_status != _FORBIDDEN:
            raise
