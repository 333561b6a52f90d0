"""Processes that are measured: each is a fresh Python that reads its arguments from a file and leaves its result."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tests.benchmarks.machine import keep_to_core
from tools.environment import clean_environment
from tools.lab import ApifyServer

SERVER_CORE, CLIENT_CORE = 0, 1
CONNECTION_VARIABLE = "AIRFLOW_CONN_APIFY_DEFAULT"
ROOT = Path(__file__).resolve().parents[2]


class Child:
    """Run a module of this package in a process of its own.

    :param name: what its files in the folder are called.
    :param module: it calls :func:`answer`.
    :param core: the core that it is kept to; ``None`` leaves it the whole machine.
    :param variables: its environment, beside what every program needs; an ``AIRFLOW_HOME`` of its own unless given.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        module: str,
        arguments: Any,
        *,
        core: int | None = CLIENT_CORE,
        variables: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._result = folder / f"{name}.result.json"
        self._log = folder / f"{name}.log"
        self._result.unlink(missing_ok=True)
        environment = clean_environment(**{"AIRFLOW_HOME": str(folder / "airflow"), **variables})
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - a module of this package
                [sys.executable, "-m", module, json.dumps(arguments), str(self._result)],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        if core is not None:
            keep_to_core(self._process.pid, core)

    def result(self, timeout: float) -> Any:
        """Wait for the end and return what the module answered.

        :param timeout: seconds, after which it is stopped.
        :raises RuntimeError: it failed; the message ends with its output.
        """
        try:
            code = self._process.wait(timeout)
        finally:
            self.kill()
        if code != 0:
            raise RuntimeError(f"{self._log.name}: exit code {code}\n{self._log.read_text()[-3000:]}")
        return json.loads(self._result.read_text())

    def kill(self) -> None:
        """End it, whatever it does; nothing where it has ended."""
        self._process.kill()
        self._process.wait()


def connection_of(apify: ApifyServer) -> str:
    """Return the Airflow connection to a server, as an environment variable holds it."""
    return json.dumps({"conn_type": "apify", "host": apify.base_url, "password": apify.token})


def answer(measure: Callable[[Any], Any]) -> None:
    """Be the main function of a measured module: measure with the arguments, and leave the result."""
    Path(sys.argv[2]).write_text(json.dumps(measure(json.loads(sys.argv[1]))))
