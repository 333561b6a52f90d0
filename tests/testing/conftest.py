from __future__ import annotations

from collections.abc import Iterator

import pytest

from airflow_provider_apify.testing import LocalApify
from airflow_provider_apify.testing.pytest_plugin import local_apify
from tests.testing.client import Client

__all__ = ["local_apify"]


@pytest.fixture
def client(local_apify: LocalApify) -> Iterator[Client]:
    """Return a client of a local Apify with nothing in it."""
    client = Client(local_apify)
    with client.session:
        yield client
