"""One request with its retries, over each of the transports."""

from __future__ import annotations

import asyncio
import socket
import traceback
from collections.abc import Callable
from functools import partial
from typing import Any

import requests
from blockbuster import blockbuster_ctx

from airflow_provider_apify._api import account
from airflow_provider_apify._api.driving import drive, drive_async
from airflow_provider_apify._api.flows import call_data
from airflow_provider_apify._api.request import Request
from airflow_provider_apify._api.runs import endpoints as run_endpoints
from airflow_provider_apify._api.sessions import shared_session
from airflow_provider_apify._api.transports import Access, send_with_aiohttp, send_with_requests
from airflow_provider_apify.options import RetryPolicy, RunOptions, Target
from local_apify import LocalApify

TOKEN = "apify_api_never_shown"
START = run_endpoints.start_run(Target("actor", "apify/scenario"), b'{"durationSecs": 0}', RunOptions())
READ = account.get_me()
START_ROUTE = "POST /v2/actors/{actorId}/runs"
READ_ROUTE = "GET /v2/users/me"
QUICK = RetryPolicy(attempts=3, first_delay=0.001, max_delay=0.002)

Ask = Callable[[Access, Request], dict[str, Any]]


def ask_with_requests(access: Access, request: Request) -> dict[str, Any]:
    with requests.Session() as session:
        return drive(call_data(request, QUICK), partial(send_with_requests, session, access))


def ask_with_aiohttp(access: Access, request: Request) -> dict[str, Any]:
    async def ask() -> dict[str, Any]:
        async with shared_session() as session:
            return await drive_async(call_data(request, QUICK), partial(send_with_aiohttp, session, access))

    with blockbuster_ctx("airflow_provider_apify", excluded_modules=["local_apify"]):
        return asyncio.run(ask())


def access_to(base_url: str, token: str = TOKEN) -> Access:
    return Access(base_url=base_url, token=token, user_agent="tests")


def unused_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def shown(error: BaseException) -> str:
    """Return everything that an error and those behind it would ever show."""
    chain: list[BaseException | None] = [error, error.__cause__, error.__context__]
    parts = [f"{each!s}{each!r}{each.args!r}{vars(each)!r}" for each in chain if each is not None]
    return "".join((*parts, *traceback.format_exception(error)))


def times_sent(apify: LocalApify, route: str) -> int:
    """Return how often a local Apify has been asked for something."""
    return apify.control.ledger().requests_by_route.get(route, 0)
