"""One real Airflow, with a local Apify, for all integration tests."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from local_apify.control import Control
from tests.integration.stage import Stage
from tools.lab import AirflowLab, ApifyServer
from tools.versions import ROOT

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.integration)


@pytest.fixture(scope="session")
def apify_token() -> str:
    return f"apify_api_{secrets.token_hex(16)}"


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory, apify_token: str) -> Iterator[AirflowLab]:
    folder = tmp_path_factory.mktemp("lab")
    dags = [HERE / "dags", ROOT / "dags_examples"]

    def variables(apify: ApifyServer) -> dict[str, str]:
        return {
            "APIFY_EXAMPLE_START_URL": f"{apify.base_url}/shop/",
            "APIFY_EXAMPLE_OUTPUT": str(folder / "examples"),
        }

    with AirflowLab(folder, dags, local_token=apify_token, variables=variables) as lab:
        yield lab


@pytest.fixture
def stage(lab: AirflowLab) -> Stage:
    return Stage(lab, Control(lab.apify.base_url))
