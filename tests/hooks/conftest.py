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


@pytest.fixture
def logged(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> Callable[[], str]:
    """Return what gives everything that was logged since it was asked last, wherever this Airflow writes it."""
    caplog.set_level("DEBUG")

    def take() -> str:
        written = "".join(capfd.readouterr()) + caplog.text
        caplog.clear()
        return written

    return take
