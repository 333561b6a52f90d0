from __future__ import annotations

import pytest

from airflow_provider_apify._api.transports import Access
from local_apify import LocalApify
from tests._api.asking import Ask, access_to, ask_with_aiohttp, ask_with_requests


@pytest.fixture(params=[ask_with_requests, ask_with_aiohttp], ids=["requests", "aiohttp"])
def ask(request: pytest.FixtureRequest) -> Ask:
    """Return what sends a request with retries over one of the transports."""
    found: Ask = request.param
    return found


@pytest.fixture
def access(local_apify: LocalApify) -> Access:
    """Return what a transport needs to know of the local Apify."""
    return access_to(local_apify.base_url, local_apify.token)
