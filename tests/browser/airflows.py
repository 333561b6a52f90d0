"""A real Airflow of the version that is installed here, and a local Apify, for a browser to look at."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import requests

from tools.environment import free_port
from tools.lab import AirflowLab, ApifyServer, Component, wait_until
from tools.lab.airflow_home import AIRFLOW_VERSION, USER, AirflowHome
from tools.lab.airflow_lab import LOCAL_COST_SETTLE_SECONDS
from tools.lab.apify import start_local_apify, wait_for_announcement
from tools.lab.component import stop_together
from tools.versions import ROOT

_DAGS = [Path(__file__).parent / "dags", ROOT / "dags_examples"]
_START_SECONDS = 900

PATIENCE_SECONDS = 600.0
"""How long anything that is waited for may take, with a whole Airflow beside it on a small machine."""


class Site(NamedTuple):
    """Where to log in, and the Apify behind it.

    :param airflow: its version, such as ``3.3.2``.
    :param output: the folder that the DAGs write to.
    :param cli: runs the ``airflow`` command there and returns what it prints.
    """

    url: str
    user: str
    password: str
    airflow: str
    apify: ApifyServer
    output: Path
    cli: Callable[..., str]


@contextlib.contextmanager
def installed_airflow(folder: Path) -> Iterator[Site]:
    """Run the Airflow that is installed in this environment for as long as the block does."""
    airflow = _airflow_2 if AIRFLOW_VERSION.startswith("2.") else _airflow_3
    with airflow(folder) as site:
        yield site


def _variables(apify: ApifyServer, output: Path) -> dict[str, str]:
    """Return what the DAGs want to know."""
    return {"APIFY_EXAMPLE_START_URL": f"{apify.base_url}/shop/", "APIFY_EXAMPLE_OUTPUT": str(output)}


@contextlib.contextmanager
def _airflow_3(folder: Path) -> Iterator[Site]:
    output = folder / "output"
    config = {"dag_processor": {"min_file_process_interval": "3600"}, "core": {"parallelism": "2"}}
    with AirflowLab(folder, _DAGS, config=config, variables=lambda apify: _variables(apify, output)) as lab:
        yield Site(lab.client.url, USER, lab.home.password, AIRFLOW_VERSION, lab.apify, output, lab.cli)


@contextlib.contextmanager
def _airflow_2(folder: Path) -> Iterator[Site]:
    """Start ``airflow standalone``: it makes the database and the user, and runs all parts of an Airflow 2."""
    home, output, port = AirflowHome(folder), folder / "output", free_port()
    dags = folder / "dags"
    dags.mkdir(exist_ok=True)
    for source in _DAGS:
        (dags / f"{source.parent.name}_{source.name}").symlink_to(source)
    config = {
        "core": {"executor": "SequentialExecutor", "dags_folder": str(dags)},
        "webserver": {
            "web_server_host": "127.0.0.1",
            "web_server_port": str(port),
            "web_server_master_timeout": str(_START_SECONDS),
            "web_server_worker_timeout": str(_START_SECONDS),
            "workers": "2",
        },
        "scheduler": {"min_file_process_interval": "3600"},
    }
    home.configure(port=port, task_port=port, dag_folders=[], overrides=config)
    parts = [start_local_apify(folder / "apify.log")]
    try:
        apify = wait_for_announcement(parts[0])
        connection = {
            "conn_type": "apify",
            "host": apify.base_url,
            "password": apify.token,
            "extra": {"console_url": apify.base_url, "cost_settle_seconds": LOCAL_COST_SETTLE_SECONDS},
        }
        environment = home.environment(AIRFLOW_CONN_APIFY_DEFAULT=json.dumps(connection), **_variables(apify, output))
        command = [sys.executable, "-m", "airflow", "standalone"]
        airflow = Component("airflow", command, environment=environment, folder=folder, log=home.logs / "airflow.log")
        parts.append(airflow)
        url = f"http://127.0.0.1:{port}"
        wait_until(lambda: _is_healthy(airflow, url), "Airflow to be healthy", timeout=_START_SECONDS, poll=1)
        password = (folder / "standalone_admin_password.txt").read_text().strip()
        yield Site(url, USER, password, AIRFLOW_VERSION, apify, output, lambda *words: home.cli(words, environment))
    finally:
        stop_together(parts)


def _is_healthy(airflow: Component, url: str) -> bool:
    airflow.check()
    try:
        parts = requests.get(f"{url}/health", timeout=60).json()
    except requests.RequestException:
        return False
    return all(parts[part]["status"] == "healthy" for part in ("metadatabase", "scheduler", "triggerer"))
