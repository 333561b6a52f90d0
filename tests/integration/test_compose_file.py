from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped] # comes with Airflow, without types
from airflow.configuration import conf
from airflow.providers.common.compat.sdk import Connection

from airflow_provider_apify.hooks._connection import DEFAULT_BASE_URL, ApifyConnection
from local_apify.server import DEFAULT_TOKEN
from tests.dag_runs import AIRFLOW_VERSION
from tools.versions import DEVELOPMENT_VERSION

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docker-compose.yaml").read_text()
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(TEXT)["services"]
VARIABLE = re.compile(r"\$\{(\w+)")
DEFAULT = re.compile(r"\$\{\w+:-([^}]*)\}")


def connection_in(env_file: str) -> str:
    lines = (ROOT / "docker" / env_file).read_text().splitlines()
    return next(line.partition("=")[2] for line in lines if line.startswith("AIRFLOW_CONN_APIFY_DEFAULT="))


def test_the_connection_leads_to_the_local_apify_and_its_token() -> None:
    connection = DEFAULT.sub(r"\1", connection_in("apify.env"))
    apify = ApifyConnection.from_airflow(Connection.from_json(connection, conn_id="apify_default"))
    port = SERVICES["apify"]["command"][-1]
    assert apify.access.base_url == f"http://apify:{port}"
    assert apify.access.console.base_url == f"http://127.0.0.1:{port}", "links open in a browser of the host"
    assert apify.access.token == DEFAULT_TOKEN


def test_the_real_connection_has_its_token_from_the_environment_alone() -> None:
    connection = json.loads(connection_in("apify-real.env"))
    assert connection["password"] == "${APIFY_TOKEN}"
    assert connection["host"] == f"${{APIFY_API_BASE_URL:-{DEFAULT_BASE_URL}}}"


def test_the_pages_of_airflow_and_of_the_local_apify_are_published_and_only_on_loopback() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert sorted(ports) == ["127.0.0.1:${AIRFLOW_PORT:-8080}:8080", "127.0.0.1:${APIFY_PORT:-8010}:8010"]


@pytest.mark.parametrize("name", [name for name in SERVICES if name != "airflow-init"])
def test_a_service_says_when_it_is_healthy_and_comes_back_when_it_ends(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"]
    assert SERVICES[name]["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", ["airflow-scheduler", "airflow-worker", "airflow-triggerer"])
def test_there_are_two_of_each_part_that_works_on_tasks_so_that_one_can_die(name: str) -> None:
    assert SERVICES[name]["deploy"]["replicas"] == 2
    assert "ports" not in SERVICES[name], "two cannot publish the same port"
    assert "container_name" not in SERVICES[name]


@pytest.mark.skipif(DEVELOPMENT_VERSION.release != AIRFLOW_VERSION, reason="the file is for the newest Airflow")
def test_every_setting_is_one_that_airflow_knows() -> None:
    names = [name.split("__") for name in SERVICES["airflow-worker"]["environment"] if name.startswith("AIRFLOW__")]
    known = conf.configuration_description
    ours = [(section.lower(), option.lower()) for _, section, option in names if section != "CELERY"]
    assert [(section, option) for section, option in ours if option not in known[section]["options"]] == []


def test_every_variable_is_described_in_the_example_of_an_env_file() -> None:
    used = {*VARIABLE.findall(TEXT), *VARIABLE.findall((ROOT / "docker" / "apify-real.env").read_text())}
    described = set(re.findall(r"^#(\w+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert used == described


def test_nothing_outside_the_checkout_is_mounted() -> None:
    mounts = {mount.partition(":")[0] for service in SERVICES.values() for mount in service.get("volumes", [])}
    assert mounts == {"./dags_examples", "database", "logs", "output"}
