"""The fleet as docker-compose.yaml starts it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local_apify.control import Control
from tests.benchmarks.machine import describe
from tests.fleet.topology import BROKER, DAGS, ROUTINE, SCHEDULERS, TRIGGERERS, WORKER_SLOTS, WORKERS
from tools.environment import clean_environment, free_port
from tools.lab import AirflowClient
from tools.lab.airflow_home import USER
from tools.versions import ROOT

PROJECT = "apify-fleet"
PASSWORD = "for-this-run-only"
OUTPUT = "/opt/airflow/output"
VERSIONS = """
import platform
from importlib.metadata import version
print(f"Python {platform.python_version()}, Airflow {version('apache-airflow')}")
"""
CONTAINERS = {
    **{part: f"{PROJECT}-airflow-worker-{number}" for number, part in enumerate(WORKERS, 1)},
    **{part: f"{PROJECT}-airflow-scheduler-{number}" for number, part in enumerate(SCHEDULERS, 1)},
    **{part: f"{PROJECT}-airflow-triggerer-{number}" for number, part in enumerate(TRIGGERERS, 1)},
    BROKER: f"{PROJECT}-redis-1",
}
"""What Compose calls the container of each part."""
CHANGED = ("airflow-dag-processor", "airflow-scheduler", "airflow-triggerer", "airflow-worker")
"""The services that know the DAGs, or notice what is lost."""


class Compose:
    """Docker Compose with the checkout's file, and what the fleet changes of it.

    :param folder: takes a file with these changes.
    :ivar airflow: the address of its Airflow.
    :ivar apify: the address of its local Apify.
    """

    def __init__(self, folder: Path) -> None:
        ports = {"AIRFLOW_PORT": free_port(), "APIFY_PORT": free_port()}
        self.airflow, self.apify = (f"http://127.0.0.1:{port}" for port in ports.values())
        # An empty token is the local Apify, whatever the .env file of the checkout has.
        ours = {"APIFY_TOKEN": "", "AIRFLOW_ADMIN_PASSWORD": PASSWORD, "AIRFLOW_WORKER_CONCURRENCY": str(WORKER_SLOTS)}
        self._environment = clean_environment(**ours, **{name: str(port) for name, port in ports.items()})
        changes = folder / "compose.json"
        changes.write_text(json.dumps({"services": _changes()}))
        files = [f"--file={ROOT / 'docker-compose.yaml'}", f"--file={changes}"]
        self._command = ["docker", "compose", f"--project-name={PROJECT}", f"--project-directory={ROOT}", *files]

    def call(self, *arguments: str) -> str:
        """Call it, and return what it prints.

        :raises subprocess.CalledProcessError: it failed; its own words are on the terminal.
        """
        return self._run([*self._command, *arguments])

    def docker(self, *arguments: str) -> str:
        """Call ``docker`` itself."""
        return self._run(["docker", *arguments])

    def _run(self, command: list[str]) -> str:
        done = subprocess.run(  # noqa: S603 - our own command
            command, env=self._environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            sys.stderr.write(done.stderr)
        done.check_returncode()
        return done.stdout.strip()


class ComposeFleet:
    """See :class:`tests.fleet.topology.Fleet`.

    :param folder: takes the files of the DAGs.
    """

    name = "compose"

    def __init__(self, compose: Compose, folder: Path) -> None:
        self.client = AirflowClient(compose.airflow)
        self.client.log_in(USER, PASSWORD)
        self.apify = Control(compose.apify)
        versions = compose.call("exec", "-T", "airflow-worker", "python", "-c", VERSIONS)
        self.machine = f"{describe()}; in the containers {versions}"
        self._compose, self._folder = compose, folder

    def kill(self, part: str) -> None:
        """Kill a part's container."""
        self._compose.docker("kill", CONTAINERS[part])

    def bring_back(self, part: str) -> None:
        """Start it again."""
        self._compose.docker("start", CONTAINERS[part])

    def collect_files(self) -> Path:
        """Copy what the DAGs have written from the volume that all workers share."""
        self._compose.call("cp", f"airflow-worker:{OUTPUT}/.", str(self._folder))
        return self._folder

    def restarted(self) -> list[str]:
        """Return what has ended by itself."""
        count = "--format={{.RestartCount}}"
        return [part for part, name in CONTAINERS.items() if self._compose.docker("inspect", count, name) != "0"]


@contextmanager
def compose_fleet(folder: Path) -> Iterator[ComposeFleet]:
    """Start the fleet, and remove it with all its data when the block is left.

    :param folder: takes what it writes outside of its containers.
    """
    compose = Compose(folder)
    try:
        compose.call("up", "--detach", "--wait")
        yield ComposeFleet(compose, folder / "files")
    finally:
        compose.call("down", "--volumes")


def _changes() -> dict[str, dict[str, object]]:
    """Return what differs from the checkout's file: the DAGs, and how soon Airflow notices what it has lost."""
    routine = {
        f"AIRFLOW__{section.upper()}__{option.upper()}": value
        for section, options in ROUTINE.items()
        for option, value in options.items()
    }
    dags = [f"{DAGS}:/opt/airflow/dags:ro"]
    return {service: {"environment": routine, "volumes": dags} for service in CHANGED}
