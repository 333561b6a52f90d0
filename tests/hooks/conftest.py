from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import requests

from local_apify import LocalApify

RunScenario = Callable[..., str]


@pytest.fixture
def run_scenario(local_apify: LocalApify) -> RunScenario:
    """Return what starts ``apify/scenario`` with an input, past the hook, and returns the run's ID."""

    def run(*, wait: int = 0, **run_input: Any) -> str:
        with requests.Session() as session:
            session.trust_env = False
            answer = session.post(
                f"{local_apify.base_url}/v2/actors/apify~scenario/runs",
                params={"waitForFinish": wait},
                json=run_input,
                headers={"Authorization": f"Bearer {local_apify.token}"},
                timeout=30,
            )
        return str(answer.json()["data"]["id"])

    return run


@pytest.fixture
def finished_run(run_scenario: RunScenario) -> str:
    """Return the ID of a run that has succeeded."""
    return run_scenario(wait=30)
