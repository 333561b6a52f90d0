from __future__ import annotations

from collections.abc import Iterator

import pytest

from local_apify import LocalApify
from local_apify.pytest_plugin import local_apify
from tests.local_apify.client import Client

__all__ = ["local_apify"]


@pytest.fixture
def client(local_apify: LocalApify) -> Iterator[Client]:
    """Return a client of a local Apify with nothing in it."""
    client = Client(local_apify)
    with client.session:
        yield client
