"""An Airflow connection read as Apify credentials, defaults and limits."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from airflow import __version__ as airflow_version

from airflow_provider_apify import __version__
from airflow_provider_apify._api.transports import Access
from airflow_provider_apify.options import RunLimits, parse_dollars

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Connection

DEFAULT_BASE_URL = "https://api.apify.com"
TOKEN_VARIABLE = "APIFY_TOKEN"  # noqa: S105 - the name of a variable, no token
BASE_URL_VARIABLE = "APIFY_API_BASE_URL"
DEFAULT_COST_SETTLE_SECONDS = 10.0


@dataclass(frozen=True)
class ApifyConnection:
    """What the hook needs of a connection.

    :param access: base URL, token, User-Agent.
    :param limits: on the cost of each run.
    :param cost_settle_seconds: how long after a run's end Apify's costs and counts are final.
    """

    access: Access
    limits: RunLimits
    cost_settle_seconds: float = DEFAULT_COST_SETTLE_SECONDS

    @classmethod
    def from_airflow(cls, conn: Connection) -> ApifyConnection:
        """Read an Airflow connection of type ``apify``.

        :raises ValueError: no token, or a field that cannot be read; the message says what to write instead.
        """
        if not conn.password:
            raise ValueError(
                f"Airflow connection {conn.conn_id!r} has no password. Put the Apify API token there; "
                "it is found in Apify Console under Settings, API & Integrations.",
            )
        extra = {name: value for name, value in conn.extra_dejson.items() if value not in (None, "")}
        try:
            limits = RunLimits(
                _dollars(extra, "default_max_total_charge_usd"),
                _dollars(extra, "limit_max_total_charge_usd"),
            )
            settle = _seconds(extra, "cost_settle_seconds", DEFAULT_COST_SETTLE_SECONDS)
        except ValueError as error:
            raise ValueError(f"Extra of Airflow connection {conn.conn_id!r}: {error}") from None
        return cls(_access(_base_url(conn), conn.password), limits, settle)

    @classmethod
    def from_environment(cls) -> ApifyConnection | None:
        """Read the token of ``APIFY_TOKEN``; ``None`` where it is not set."""
        token = os.environ.get(TOKEN_VARIABLE, "").strip()
        base_url = os.environ.get(BASE_URL_VARIABLE, "").strip() or DEFAULT_BASE_URL
        return cls(_access(base_url, token), RunLimits()) if token else None


def _access(base_url: str, token: str) -> Access:
    agent = f"airflow-provider-apify/{__version__} apache-airflow/{airflow_version} python/{platform.python_version()}"
    return Access(base_url=base_url.rstrip("/").removesuffix("/v2"), token=token.strip(), user_agent=agent)


def _base_url(conn: Connection) -> str:
    host = (conn.host or "").strip()
    if not host:
        return DEFAULT_BASE_URL
    if "://" not in host:
        host = f"{conn.schema or 'https'}://{host}"
    return f"{host}:{conn.port}" if conn.port else host


def _dollars(extra: Mapping[str, Any], name: str) -> Decimal | None:
    return parse_dollars(name, extra[name]) if name in extra else None


def _seconds(extra: Mapping[str, Any], name: str, default: float) -> float:
    try:
        seconds = float(extra.get(name, default))
    except (TypeError, ValueError):
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise ValueError(f"{name} must be seconds, 0 or more, not {extra[name]!r}.")
    return seconds
