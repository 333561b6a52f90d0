"""Which HTTP request each operation on Actors, builds, saved tasks, Apify Store and the account is. No I/O.

Reference: https://docs.apify.com/api/v2
"""

from __future__ import annotations

from typing import Any

from airflow_provider_apify._api.endpoints import MAX_PAGE, Request, query, segment, target_path
from airflow_provider_apify.options import Target


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


def get_limits() -> Request:
    """``GET /v2/users/me/limits``."""
    return Request("GET", "/v2/users/me/limits")


def get_monthly_usage(date: str | None) -> Request:
    """``GET /v2/users/me/usage/monthly``.

    :param date: a day of the month that is asked for; ``None`` for the current one.
    """
    return Request("GET", "/v2/users/me/usage/monthly", query({"date": date}))
