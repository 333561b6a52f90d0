"""A fleet: Airflow with two of each part that may die."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from local_apify.control import Control
from tools.lab import AirflowClient

DAGS = Path(__file__).with_name("dags")
WORKERS = ("worker", "worker-2")
SCHEDULERS = ("scheduler", "scheduler-2")
TRIGGERERS = ("triggerer", "triggerer-2")
BROKER = "redis"
WORKER_SLOTS = 4
"""How many tasks a worker runs at a time."""
ROUTINE: dict[str, dict[str, str]] = {
    "core": {"parallelism": "8"},
    "scheduler": {
        "scheduler_idle_sleep_time": "1",
        "task_instance_heartbeat_timeout": "120",
        "orphaned_tasks_check_interval": "30",
        "task_queued_timeout": "240",
        "task_queued_timeout_check_interval": "30",
        "num_stuck_in_queued_retries": "10",
    },
}
"""Lets Airflow notice after two or four minutes what it notices after five or ten by default.

And lets no task fail for good because it was queued in vain three times, as Airflow does whatever its retries are.
"""


class Fleet(Protocol):
    """A running fleet, wherever it runs.

    :ivar name: of its figures in the documentation.
    :ivar client: a user of its Airflow.
    :ivar apify: the remote control of its local Apify.
    :ivar machine: what it runs on, for the documentation.
    """

    name: str
    client: AirflowClient
    apify: Control
    machine: str

    def kill(self, part: str) -> None:
        """Kill a part with SIGKILL, with all that it has started, as a machine dies."""

    def bring_back(self, part: str) -> None:
        """Start it again."""

    def collect_files(self) -> Path:
        """Return a folder with what the DAGs have written."""

    def restarted(self) -> list[str]:
        """Return the parts that have ended by themselves, and were started again."""
