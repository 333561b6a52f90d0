"""A local Apify for tests of one's own DAGs.

In the topmost ``conftest.py``::

    pytest_plugins = ["local_apify.pytest_plugin"]
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from local_apify.server import LocalApify
from local_apify.world.actor import Actor

_SERVER = pytest.StashKey[LocalApify]()


def pytest_configure(config: pytest.Config) -> None:
    """Tell pytest of the marker."""
    config.addinivalue_line("markers", "apify_actors(*actors): the Actors that the local Apify has beside its own")


@pytest.fixture
def local_apify(request: pytest.FixtureRequest) -> Iterator[LocalApify]:
    """Return a local Apify with nothing in it: started once for all tests, reset after each.

    It has the Actors of the test's marker: ``@pytest.mark.apify_actors(mine, yours)``.
    """
    config = request.config
    if _SERVER not in config.stash:
        config.stash[_SERVER] = LocalApify().start()
        config.add_cleanup(config.stash[_SERVER].stop)
    server, actors = config.stash[_SERVER], _marked(request)
    if actors:
        server.use_actors(*actors)
    yield server
    server.on_exchange = None
    server.use_actors()


@pytest.fixture
def apify_default(local_apify: LocalApify, monkeypatch: pytest.MonkeyPatch) -> LocalApify:
    """Return the local Apify, with the Airflow connection ``apify_default`` pointing at it."""
    connection = {
        "conn_type": "apify",
        "host": local_apify.base_url,
        "password": local_apify.token,
        "extra": {"cost_settle_seconds": 0},  # tests need not wait for final costs
    }
    monkeypatch.setenv("AIRFLOW_CONN_APIFY_DEFAULT", json.dumps(connection))
    return local_apify


def _marked(request: pytest.FixtureRequest) -> list[Actor]:
    return [actor for marker in request.node.iter_markers("apify_actors") for actor in marker.args]
