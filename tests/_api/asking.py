"""One request with its retries, over each of the transports."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

import requests
from blockbuster import blockbuster_ctx

from airflow_provider_apify._api.flows import call_data
from airflow_provider_apify._api.request import Request
from airflow_provider_apify._api.sessions import shared_session
from airflow_provider_apify._api.transports import Access, drive, drive_async, send_with_aiohttp, send_with_requests
from airflow_provider_apify.options import RetryPolicy

TOKEN = "apify_api_never_shown"
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
