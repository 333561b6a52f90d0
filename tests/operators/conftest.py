"""A local Apify for tests of one played task."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from local_apify import LocalApify, Settings
from tests.operators.obedient import obedient
from tests.operators.played_task import PACE
from tests.operators.scenes import Clock


@pytest.fixture
def obedient_apify(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalApify]:
    """Return a local Apify that Airflow's default connection points at."""
    with LocalApify(actors=[obedient], settings=Settings(ready_seconds=0, graceful_abort_seconds=5 * PACE)) as apify:
        connection = {"conn_type": "apify", "host": apify.base_url, "password": apify.token}
        monkeypatch.setenv("AIRFLOW_CONN_APIFY_DEFAULT", json.dumps(connection))
        yield apify


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)
