"""One real Airflow, with a local Apify, for all integration tests."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_apify.testing.control import Control
from tests.integration.stage import Stage
from tools.lab import AirflowLab

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
    with AirflowLab(folder, [HERE / "dags"], local_token=apify_token) as lab:
        yield lab


@pytest.fixture
def stage(lab: AirflowLab) -> Stage:
    return Stage(lab, Control(lab.apify.base_url))
