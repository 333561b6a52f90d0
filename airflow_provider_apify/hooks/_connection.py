"""An Airflow connection read as Apify credentials, defaults and limits."""

from __future__ import annotations

import json
import os
import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow import __version__ as airflow_version

from airflow_provider_apify import __version__
from airflow_provider_apify._api.addresses import check_address
from airflow_provider_apify._api.facts import COST_LAG_SECONDS
from airflow_provider_apify._api.transports import Access
from airflow_provider_apify.exceptions import ApifyAddressError
from airflow_provider_apify.hooks._form import CONN_FIELDS
from airflow_provider_apify.models.console import APIFY_CONSOLE, Console
from airflow_provider_apify.options import RunLimits

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Connection

DEFAULT_BASE_URL = "https://api.apify.com"
TOKEN_VARIABLE = "APIFY_TOKEN"  # noqa: S105 - the name of a variable, no token
BASE_URL_VARIABLE = "APIFY_API_BASE_URL"
DEFAULT_WEB_FETCH_URL = "https://web-fetch.apify.actor"
WEB_FETCH_URL_VARIABLE = "APIFY_WEB_FETCH_URL"
CONSOLE_URL_VARIABLE = "APIFY_CONSOLE_URL"
_EXTRA = frozenset(CONN_FIELDS)
_PREFIX = "extra__apify__"
_NAMES_OF_TOKENS = frozenset({"token", "api_token", "apify_token", "api_key", "password"})
DEFAULT_START_SETTLE_SECONDS = 30.0
_SHORTEST_SECRET = 16
_SECRET = re.compile(rf"[!-~]{{{_SHORTEST_SECRET},}}")


@dataclass(frozen=True)
class ApifyConnection:
    """What the hook needs of a connection.

    :param access: base URL, token, User-Agent, console.
    :param limits: on the cost of runs.
    :param cost_settle_seconds: how long after a run's end Apify's costs and counts are final.
    :param start_settle_seconds: how long after a start whose answer was lost its run may still appear.
    :param installation: name of this Airflow, where several with the same DAGs share one Apify account.
    :param web_fetch_url: where Web Fetch answers; empty where the connection is none to Apify and does not say.
    :param webhook_secrets: by which the receiver knows Apify's webhooks, the newest first; none where it takes nothing.
    """

    access: Access
    limits: RunLimits
    cost_settle_seconds: float = COST_LAG_SECONDS
    start_settle_seconds: float = DEFAULT_START_SETTLE_SECONDS
    installation: str = ""
    web_fetch_url: str = DEFAULT_WEB_FETCH_URL
    webhook_secrets: tuple[str, ...] = field(default=(), repr=False)

    @classmethod
    def from_airflow(cls, conn: Connection) -> ApifyConnection:
        """Read an Airflow connection of type ``apify``.

        :raises ValueError: no token, or a field that cannot be read; the message says what to write instead.
        :raises ApifyAddressError: the same, for an address to which nothing can be sent.
        """
        token = (conn.password or "").strip()
        if not token:
            raise ValueError(
                f"Airflow connection {conn.conn_id!r} has no password{_place_of_another(conn)}. Put the Apify API "
                "token there; it is found in Apify Console under Settings, API & Integrations.",
            )
        base_url = _base_url(conn)
        web_fetch_setting = f"web_fetch_url in the extra of Airflow connection {conn.conn_id!r}"
        try:
            extra = _extra(conn)
            limits = RunLimits.parse(extra, source=f"Airflow connection {conn.conn_id!r}")
            cost_settle = _seconds(extra, "cost_settle_seconds", COST_LAG_SECONDS)
            start_settle = _seconds(extra, "start_settle_seconds", DEFAULT_START_SETTLE_SECONDS)
            webhook_secrets = _webhook_secrets(extra)
            web_fetch_url = _web_fetch_url(extra.get("web_fetch_url"), base_url, web_fetch_setting)
            console = _console(
                extra.get("console_url"), f"console_url in the extra of Airflow connection {conn.conn_id!r}"
            )
        except ValueError as error:
            raise ValueError(f"Extra of Airflow connection {conn.conn_id!r}: {error}") from None
        source = f"The password of Airflow connection {conn.conn_id!r}"
        return cls(
            _access(base_url, token, console, source=source),
            limits,
            cost_settle,
            start_settle,
            str(extra.get("installation", "")),
            web_fetch_url,
            webhook_secrets,
        )

    @classmethod
    def from_environment(cls) -> ApifyConnection | None:
        """Read the token of ``APIFY_TOKEN``; ``None`` where it is not set.

        :raises ApifyAddressError: nothing can be sent to the address that the environment names.
        """
        token = os.environ.get(TOKEN_VARIABLE, "").strip()
        base_url = os.environ.get(BASE_URL_VARIABLE, "").strip() or DEFAULT_BASE_URL
        if not token:
            return None
        check_address(base_url, f"{BASE_URL_VARIABLE} of the environment", example=DEFAULT_BASE_URL)
        web_fetch_setting = f"{WEB_FETCH_URL_VARIABLE} of the environment"
        web_fetch_url = _web_fetch_url(os.environ.get(WEB_FETCH_URL_VARIABLE), base_url, web_fetch_setting)
        console = _console(os.environ.get(CONSOLE_URL_VARIABLE), f"{CONSOLE_URL_VARIABLE} of the environment")
        access = replace(
            _access(base_url, token, console, source=TOKEN_VARIABLE),
            token_setting=f"{TOKEN_VARIABLE} of the environment",
        )
        return cls(access, RunLimits(), web_fetch_url=web_fetch_url)


def _place_of_another(conn: Connection) -> str:
    """Say where the token may stand instead of in the password."""
    if (conn.login or "").strip():
        return ", but there is something in login"
    try:
        named = [name for name in _without_prefix(json.loads(conn.extra or "{}")) if name in _NAMES_OF_TOKENS]
    except (ValueError, AttributeError):
        return ""
    return f", but there is {named[0]} in the extra" if named else ""


def _access(base_url: str, token: str, console: Console, *, source: str) -> Access:
    if not (token.isascii() and token.isprintable()) or " " in token:
        # Checked here, because HTTP libraries put the whole header into their own error.
        raise ValueError(
            f"{source} is no Apify API token: it holds a space, a line break or a character outside ASCII. "
            "Copy it again from Apify Console, Settings, API & Integrations.",
        )
    agent = f"airflow-provider-apify/{__version__} apache-airflow/{airflow_version} python/{platform.python_version()}"
    return Access(base_url=base_url.rstrip("/").removesuffix("/v2"), token=token, user_agent=agent, console=console)


def _base_url(conn: Connection) -> str:
    host = (conn.host or "").strip()
    if not host:
        return DEFAULT_BASE_URL
    if host.count(":") > 1 and "/" not in host and not host.startswith("["):
        host = f"[{host}]"  # an IPv6 address, of which Airflow's URIs lose the brackets
    url = host if "://" in host else f"{conn.schema or 'https'}://{host}"
    fields = "schema and host" if conn.schema and "://" not in host else "host"
    check_address(url, f"The address in the {fields} of Airflow connection {conn.conn_id!r}", example=DEFAULT_BASE_URL)
    parts = urlsplit(url)
    if conn.port and not parts.port:
        parts = parts._replace(netloc=f"{parts.netloc}:{conn.port}")
        check_address(parts.geturl(), f"The port of Airflow connection {conn.conn_id!r}", example="443")
    return parts.geturl()


def _web_fetch_url(given: Any, base_url: str, setting: str) -> str:
    """Return where Web Fetch answers; Apify's own only for Apify's own token: another host's is not sent there."""
    url = str(given or "").strip()
    if not url:
        return DEFAULT_WEB_FETCH_URL if urlsplit(base_url).hostname == urlsplit(DEFAULT_BASE_URL).hostname else ""
    check_address(url, setting, example=DEFAULT_WEB_FETCH_URL)
    return url.rstrip("/")


def _console(given: Any, setting: str) -> Console:
    """Return where links lead. Airflow shows them to everybody, so they hold no login, and nothing but HTTP opens."""
    url = str(given or "").strip()
    if not url:
        return Console()
    check_address(url, setting, example=APIFY_CONSOLE)
    if "@" in urlsplit(url).netloc:
        raise ApifyAddressError(f"{setting} has a login. Leave it out: everybody sees the links.")
    return Console(url.rstrip("/"))


def _extra(conn: Connection) -> dict[str, Any]:
    """Read the extra, which Airflow itself takes as empty where it is broken: no limit may get lost like that."""
    try:
        extra = json.loads(conn.extra or "{}")
    except ValueError:
        extra = None
    if not isinstance(extra, dict):
        raise ValueError('it must be a JSON object, for example {"limit_max_total_charge_usd": 5}.')  # noqa: TRY004
    extra = _without_prefix(extra)
    unknown = sorted(extra.keys() - _EXTRA)
    if unknown:
        # A misspelt limit must not be taken for none.
        raise ValueError(f"{', '.join(unknown)} is unknown; there are {', '.join(sorted(_EXTRA))}.")
    return {name: value for name, value in extra.items() if value not in (None, "")}


def _webhook_secrets(extra: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the secrets of webhooks, the newest first.

    :raises ValueError: one that can be guessed, or that no header can carry. The message does not show it.
    """
    given = {name: extra[name] for name in ("webhook_secret", "previous_webhook_secret") if name in extra}
    for name, secret in given.items():
        if not isinstance(secret, str) or not _SECRET.fullmatch(secret):
            raise ValueError(
                f"{name} must be {_SHORTEST_SECRET} or more ASCII characters without spaces. One is made by: "
                'python -c "import secrets; print(secrets.token_urlsafe(32))"',
            )
    return tuple(given.values())


def _without_prefix(extra: Mapping[str, Any]) -> dict[str, Any]:
    """Return the extra by its own names: the form of Airflow 2 sends each field with a prefix as well."""
    prefixed = {name.removeprefix(_PREFIX): value for name, value in extra.items() if name.startswith(_PREFIX)}
    own = {name: value for name, value in extra.items() if not name.startswith(_PREFIX)}
    return prefixed | {name: value for name, value in own.items() if value not in (None, "") or name not in prefixed}


def _seconds(extra: Mapping[str, Any], name: str, default: float) -> float:
    try:
        seconds = float(extra.get(name, default))
    except (TypeError, ValueError):
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise ValueError(f"{name} must be seconds, 0 or more, not {extra[name]!r}.")
    return seconds
