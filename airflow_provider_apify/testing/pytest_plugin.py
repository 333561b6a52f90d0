"""A local Apify for tests: ``from airflow_provider_apify.testing.pytest_plugin import local_apify``."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from airflow_provider_apify.testing.server import LocalApify

_SERVER = pytest.StashKey[LocalApify]()


@pytest.fixture
def local_apify(request: pytest.FixtureRequest) -> Iterator[LocalApify]:
    """Return a local Apify with nothing in it: started once for all tests, reset after each."""
    config = request.config
    if _SERVER not in config.stash:
        config.stash[_SERVER] = LocalApify().start()
        config.add_cleanup(config.stash[_SERVER].stop)
    server = config.stash[_SERVER]
    yield server
    server.on_exchange = None
    server.control.reset()
