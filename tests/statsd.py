"""What takes metrics as a StatsD server does: a socket, and the lines that came."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from importlib import import_module
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytest

_DATAGRAM = 65_536


class StatsD(AbstractContextManager["StatsD"]):
    """A server on a free port of this machine."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(0)
        self._lines: list[str] = []

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the socket."""
        self._socket.close()

    @property
    def settings(self) -> Mapping[str, str]:
        """What has Airflow send its metrics here, as environment variables."""
        _, port = self._socket.getsockname()
        return metrics_settings(statsd_on="True", statsd_host="127.0.0.1", statsd_port=str(port))

    @property
    def lines(self) -> list[str]:
        """All lines of this package that have come so far, such as ``airflow.apify.run.started:1|c``."""
        while True:
            try:
                came = self._socket.recv(_DATAGRAM).decode().splitlines()
            except BlockingIOError:
                return self._lines
            self._lines += [line for line in came if line.startswith("airflow.apify.")]

    @property
    def names(self) -> list[str]:
        """The names of what has come so far, without Airflow's prefix."""
        return [line.partition(":")[0].removeprefix("airflow.") for line in self.lines]

    def sum_of(self, name: str) -> float:
        """Return the sum of all that has come under a name."""
        told = [line.partition(":") for line in self.lines]
        return sum(float(value.partition("|")[0]) for given, _, value in told if given == f"airflow.{name}")


def airflow_s_logger() -> Any:
    """Return what this Airflow sends metrics with, as it is set up now."""
    try:
        return import_module("airflow.sdk.observability.metrics.statsd_logger").get_statsd_logger()
    except ModuleNotFoundError:  # before Airflow 3.2, whose class of metrics has it as a method
        return import_module("airflow.metrics.statsd_logger").get_statsd_logger(None)


def metrics_settings(**options: str) -> dict[str, str]:
    """Return options of Airflow's section ``metrics`` as environment variables."""
    return {f"AIRFLOW__METRICS__{name.upper()}": value for name, value in options.items()}


@contextmanager
def switched_on(server: StatsD, monkeypatch: pytest.MonkeyPatch, **options: str) -> Iterator[None]:
    """Have this process send its metrics to a server, through Airflow's own logger.

    :param options: further ones of Airflow's section ``metrics``.
    """
    from airflow_provider_apify._airflow import metrics  # noqa: PLC0415 - after the tests' Airflow is set up

    for name, value in {**server.settings, **metrics_settings(**options)}.items():
        monkeypatch.setenv(name, value)
    logger = airflow_s_logger()
    client = logger.statsd
    monkeypatch.setattr(metrics, "Stats", logger)
    yield
    client.close()
