"""One real Airflow, with a local Apify, for all integration tests."""

from __future__ import annotations

import secrets
from contextlib import ExitStack
from pathlib import Path

import pytest

from local_apify.control import Control
from tests.dag_runs import NEEDS_API_OF_AIRFLOW_3
from tests.integration.stage import Stage
from tests.statsd import StatsD, metrics_settings
from tools.lab import AirflowLab, ApifyServer
from tools.versions import ROOT

HERE = Path(__file__).parent
_open = ExitStack()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.integration)
            if "lab" in getattr(item, "fixturenames", ()):
                item.add_marker(NEEDS_API_OF_AIRFLOW_3)


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(nextitem: pytest.Item | None) -> None:
    """End Airflow after the last of these tests: it would keep the machine busy beside all others."""
    if nextitem is None or not nextitem.path.is_relative_to(HERE):
        _open.close()


@pytest.fixture(scope="session")
def apify_token() -> str:
    return f"apify_api_{secrets.token_hex(16)}"


@pytest.fixture(scope="session")
def statsd() -> StatsD:
    """Return what the lab's Airflow sends its metrics of Apify to."""
    return _open.enter_context(StatsD())


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory, apify_token: str, statsd: StatsD) -> AirflowLab:
    folder = tmp_path_factory.mktemp("lab")
    dags = [HERE / "dags", ROOT / "dags_examples"]

    def variables(apify: ApifyServer) -> dict[str, str]:
        return {
            "APIFY_EXAMPLE_START_URL": f"{apify.base_url}/shop/",
            "APIFY_EXAMPLE_OUTPUT": str(folder / "examples"),
            **statsd.settings,
            **metrics_settings(metrics_allow_list="apify"),
        }

    return _open.enter_context(AirflowLab(folder, dags, local_token=apify_token, variables=variables))


@pytest.fixture
def stage(lab: AirflowLab) -> Stage:
    return Stage(lab, Control(lab.apify.base_url))
