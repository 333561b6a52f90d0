from __future__ import annotations

import pytest

from tests._api.asking import Ask, ask_with_aiohttp, ask_with_requests


@pytest.fixture(params=[ask_with_requests, ask_with_aiohttp], ids=["requests", "aiohttp"])
def ask(request: pytest.FixtureRequest) -> Ask:
    """Return what sends a request with retries over one of the transports."""
    found: Ask = request.param
    return found
