"""A local Apify for tests of one played task, and runs that tasks change."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from airflow_provider_apify.hooks.apify import ApifyHook
from local_apify import LocalApify, Settings
from tests.local_apify.client import until
from tests.operators.changed_runs import SCENARIO
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


@pytest.fixture
def hook(apify: LocalApify) -> ApifyHook:  # noqa: ARG001 - where it leads
    return ApifyHook()


@pytest.fixture
def running(hook: ApifyHook) -> str:
    """Return the ID of a run that goes on for longer than the test."""
    run_id = hook.start_run(SCENARIO, {"durationSecs": 600, "records": {"KEPT": 1}}).id
    until(lambda: hook.get_run(run_id).status == "RUNNING")
    return run_id


@pytest.fixture
def failed(hook: ApifyHook) -> str:
    """Return the ID of a run that has failed, and goes on for longer than the test once it is resurrected."""
    run_id = hook.start_run(SCENARIO, {"durationSecs": 600, "items": 2}).id
    hook.abort_run(run_id)
    return hook.wait_for_run(run_id).run.id
