"""An Airflow of its own for the tests, and a local Apify that its connection ``apify_default`` points at.

Airflow reads its settings when it is first imported, so they are made here, before any test is.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from importlib.metadata import version
from inspect import iscoroutinefunction
from pathlib import Path
from typing import Any

import pytest
from blockbuster import blockbuster_ctx
from hypothesis import settings as hypothesis_settings

from local_apify import LocalApify
from local_apify.pytest_plugin import local_apify
from tests.contract.session import CHECK
from tests.dag_runs import DagRunner

__all__ = ["local_apify"]

HERE = Path(__file__).parent
SHARES_SERVERS = {
    "chaos": "airflow",
    "integration": "airflow",  # two Airflows at once would be slow
    "javascript": "javascript",
    "official": "official",
    "storage": "storage",
}
"""Folders whose tests share what takes long to start, and the group that one process has all of."""

_AIRFLOW_HOME = tempfile.mkdtemp(prefix="airflow-provider-apify-tests-")
os.environ.update(
    AIRFLOW_HOME=_AIRFLOW_HOME,
    AIRFLOW__CORE__UNIT_TEST_MODE="True",
    AIRFLOW__CORE__LOAD_EXAMPLES="False",
    AIRFLOW__LOGGING__BASE_LOG_FOLDER=f"{_AIRFLOW_HOME}/logs",
)
if version("apache-airflow").startswith("2."):
    os.environ["AIRFLOW__CORE__EXECUTOR"] = "SequentialExecutor"  # the only one that Airflow 2 runs on SQLite
    os.environ["AIRFLOW__METRICS__TIMER_UNIT_CONSISTENCY"] = "True"  # else it warns when a part of it is imported
    os.environ["AIRFLOW__METRICS__METRICS_USE_PATTERN_MATCH"] = "True"  # else it warns when metrics are on
# What a developer has set must not decide what a test sees.
_FOUND = ("APIFY_TOKEN", "APIFY_API_BASE_URL", "APIFY_CONSOLE_URL", "APIFY_WEB_FETCH_URL", "AIRFLOW_CONN_APIFY_DEFAULT")
for _name in _FOUND:
    os.environ.pop(_name, None)
for _name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
    os.environ.pop(_name, None)
    os.environ.pop(_name.upper(), None)

# Else pytest-asyncio has Python make an event loop for this thread, which nobody closes.
asyncio.set_event_loop(None)

# The machine's speed must not decide whether a property holds; and CI repeats the same examples, so that it judges the
# change and not the dice. Elsewhere new ones are tried each time.
hypothesis_settings.register_profile("tests", deadline=None, max_examples=60, derandomize="CI" in os.environ)
hypothesis_settings.register_profile("search", deadline=None, max_examples=5_000)
hypothesis_settings.load_profile("tests")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--built", type=Path, help="a folder with the wheel and the source distribution that are judged")


def pytest_configure() -> None:
    CHECK.start()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Say what must not be spread over processes."""
    for item in items:
        folder = item.path.relative_to(HERE).parts[0]
        if folder in SHARES_SERVERS:
            item.add_marker(pytest.mark.xdist_group(SHARES_SERVERS[folder]))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand what this process has checked to the one that reports."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["checked"] = CHECK.seen()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take what a process that is done has checked; one that has crashed says nothing."""
    CHECK.add(**getattr(node, "workeroutput", {}).get("checked", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how much of what was sent and answered was checked against Apify's own document."""
    terminalreporter.write_line(CHECK.summary())


@pytest.fixture(autouse=True)
def _as_the_document_says() -> Iterator[None]:
    """Check what the test has asked of Apify, and what the local one has answered."""
    yield
    problems = CHECK.settle()
    assert not problems, "\n".join(problems)


def pytest_unconfigure() -> None:
    shutil.rmtree(_AIRFLOW_HOME, ignore_errors=True)


@pytest.fixture
def apify(local_apify: LocalApify, monkeypatch: pytest.MonkeyPatch) -> LocalApify:
    """Return an empty local Apify that the Airflow connection ``apify_default`` points at."""
    connection = {
        "conn_type": "apify",
        "host": local_apify.base_url,
        "password": local_apify.token,
        "extra": {"cost_settle_seconds": 0, "start_settle_seconds": 0.5},
    }
    monkeypatch.setenv("AIRFLOW_CONN_APIFY_DEFAULT", json.dumps(connection))
    return local_apify


@pytest.fixture(scope="session")
def airflow_db() -> None:
    """Create Airflow's database, for the tests that need one."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Airflow's own, while it imports all of itself
        from airflow.utils.db import initdb  # noqa: PLC0415 - takes seconds to import

        initdb()


@pytest.fixture
def airflow(airflow_db: None, apify: LocalApify, capfd: pytest.CaptureFixture[str]) -> DagRunner:  # noqa: ARG001 - used by what it runs
    """Return what runs DAGs against the local Apify."""
    return DagRunner(lambda: "".join(capfd.readouterr()))


@pytest.fixture
def logged(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> Callable[[], str]:
    """Return what gives everything that was logged since it was asked last, wherever this Airflow writes it."""
    caplog.set_level("DEBUG")

    def take() -> str:
        written = "".join(capfd.readouterr()) + caplog.text
        caplog.clear()
        return written

    return take


@pytest.fixture(autouse=True)
def _no_blocking_on_the_event_loop(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail an async test in which the package blocks the event loop."""
    if not iscoroutinefunction(getattr(request, "function", None)):
        yield
        return
    with blockbuster_ctx("airflow_provider_apify", excluded_modules=["local_apify"]):
        yield
