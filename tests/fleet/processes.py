"""The fleet as plain processes of this machine, on Debian's PostgreSQL and Redis."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

from local_apify.control import Control
from tests.benchmarks.machine import describe
from tests.chaos.keeping import kept_running
from tests.docs.postgres import PostgresServer
from tests.fleet.topology import BROKER, DAGS, ROUTINE, SCHEDULERS, TRIGGERERS, WORKER_SLOTS, WORKERS
from tools.environment import clean_environment, free_port
from tools.lab import AirflowLab
from tools.lab.component import Component, stop_together
from tools.server_programs import redis

CONNECTIONS = 400


class Broker:
    """Redis on a port of its own, with its own defaults: what it holds is on disk only now and then."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder, self._port = folder, free_port()
        self._server = self._start()

    @property
    def url(self) -> str:
        """Where it is, as Celery writes it."""
        return f"redis://127.0.0.1:{self._port}/0"

    def kill(self) -> None:
        """Kill it with SIGKILL."""
        self._server.kill()

    def bring_back(self) -> None:
        """Start it again, where it was."""
        self._server = self._start()

    def stop(self) -> None:
        """Stop it for good."""
        stop_together([self._server])

    def _start(self) -> Component:
        program, libraries = redis()
        environment = clean_environment(LD_LIBRARY_PATH=os.pathsep.join(map(str, libraries)))
        command = [str(program), "--bind", "127.0.0.1", "--port", str(self._port), "--dir", str(self._folder)]
        return Component(BROKER, command, environment=environment, folder=self._folder, log=self._folder / "log")


class ProcessFleet:
    """See :class:`tests.fleet.topology.Fleet`."""

    name = "processes"

    def __init__(self, lab: AirflowLab, broker: Broker, files: Path, restarted: list[str]) -> None:
        self.client = lab.client
        self.apify = Control(lab.apify.base_url)
        self.machine = describe()
        self._lab, self._broker, self._files, self._restarted = lab, broker, files, restarted

    def kill(self, part: str) -> None:
        """Kill a part."""
        if part == BROKER:
            self._broker.kill()
        else:
            self._lab.stop_component(part, gracefully=False)

    def bring_back(self, part: str) -> None:
        """Start it again."""
        if part == BROKER:
            self._broker.bring_back()
        else:
            self._lab.start_component(part)

    def collect_files(self) -> Path:
        """Return where the DAGs write."""
        return self._files

    def restarted(self) -> list[str]:
        """Return what has ended by itself."""
        return self._restarted


@contextmanager
def process_fleet(folder: Path) -> Iterator[ProcessFleet]:
    """Start the fleet, and stop it when the block is left.

    :param folder: takes all that it writes.
    """
    files = folder / "files"
    with PostgresServer(folder / "postgres", connections=CONNECTIONS) as postgres:
        broker = Broker(folder / "redis")
        database = (
            f"postgresql+psycopg2://{postgres.connection['login']}@/{postgres.connection['schema']}?"
            + urlencode({"host": postgres.url})
        )
        celery = {
            "broker_url": broker.url,
            "result_backend": f"db+{database}",
            "worker_concurrency": str(WORKER_SLOTS),
        }
        config = {**ROUTINE, "core": {**ROUTINE["core"], "executor": "CeleryExecutor"}, "celery": celery}
        lab = AirflowLab(
            folder / "airflow",
            [DAGS],
            database_url=database,
            beside=(*WORKERS, SCHEDULERS[1], TRIGGERERS[1]),
            config=config,
            variables=lambda _apify: {"APIFY_EXAMPLE_OUTPUT": str(files)},
        )
        try:
            with lab, kept_running(lab) as restarted:
                yield ProcessFleet(lab, broker, files, restarted)
        finally:
            broker.stop()
