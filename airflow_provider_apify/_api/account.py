"""Which HTTP request each operation on the account is. No I/O.

Reference: https://docs.apify.com/api/v2
"""

from __future__ import annotations

from airflow_provider_apify._api.request import Request, query


def get_me() -> Request:
    """``GET /v2/users/me``: who the token belongs to."""
    return Request("GET", "/v2/users/me")


def get_limits() -> Request:
    """``GET /v2/users/me/limits``."""
    return Request("GET", "/v2/users/me/limits")


def get_monthly_usage(date: str | None) -> Request:
    """``GET /v2/users/me/usage/monthly``.

    :param date: a day of the month that is asked for; ``None`` for the current one.
    """
    return Request("GET", "/v2/users/me/usage/monthly", query({"date": date}))
