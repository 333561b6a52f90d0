"""Thousands of deferred tasks in a real triggerer: what its two processes cost, and how soon an event is stored."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from datetime import datetime
from os import urandom
from pathlib import Path
from urllib.parse import urlencode

import psycopg

from tests.benchmarks.child import CLIENT_CORE, CONNECTION_VARIABLE, Child
from tests.benchmarks.crowd import Plan, Server, samples
from tests.benchmarks.crowd_server import run_id_of
from tests.benchmarks.machine import keep_to_core, load
from tests.benchmarks.report import Section, number, say
from tests.benchmarks.triggerer import BLOCKED, Meter, processes_of
from tests.benchmarks.waiting import describe_latencies
from tests.docs.postgres import PostgresServer
from tools.environment import clean_environment
from tools.lab import wait_until
from tools.lab.component import Component, stop_together

_DAGS = Path(__file__).parent / "dags"
_SECONDS = 3_600.0
_SECONDS_BLOCKED = re.compile(rf"{BLOCKED} for ([\d.]+) seconds")
_NOTES = """\
No scheduler and no worker: the rows of the deferred tasks are written into the database as these would write them.
Watched: the triggerer has begun a log for each. While all wait: no run ends. Then all end, at random within the time \
named above.
Stored: from the run's `finishedAt` to the moment at which the triggerer wrote the event into the task's row.
CPU and memory are those of the processes, an idle triggerer's work included; memory that is shared counts in each.
The database process has a log file open for each deferred task: that is Airflow's.""".splitlines()


def measure(folder: Path, plan: Plan, select_per_loop: int) -> Section:
    """Let a fresh triggerer watch each number of runs.

    :param select_per_loop: how many rows the triggerer takes in each round, as Airflow's setting says.
    """
    section = Section(
        "Waiting: thousands of deferred tasks in a real triggerer",
        f"`airflow triggerer` with PostgreSQL, kept to one core. {plan.calm:.0f} s in which no run ends, then all end "
        f"within {plan.ending:.0f} s. `[triggerer] capacity` is above the number of tasks, "
        f"`max_trigger_to_select_per_loop` {select_per_loop}.",
        [
            "deferred tasks",
            "until all are watched, s",
            "CPU s a minute, while all wait: event loop / database process",
            "requests a minute, while all wait",
            "CPU s while all end: event loop / database process",
            "until the event is stored, p50 / p99 / max",
            "warnings of a blocked loop (longest, s), arrival / later",
            "memory, MiB: event loop / database process",
            "files: event loop / database process",
            "processes that wanted a core",
        ],
        notes=_NOTES,
    )
    run, item = samples(folder)
    with PostgresServer(folder / "postgres") as postgres:
        airflow = _Airflow(folder / "airflow", postgres, select_per_loop)
        for count in plan.counts:
            with Server(folder, f"triggerer-{count}", {"count": count, "run": run, "item": item}, plan) as server:
                row = _Stage(folder, airflow, server).watch(count, plan)
            say(f"{count}: {row}")
            section.rows.append(row)
    return section


class _Airflow:
    """An Airflow of which only the database is there, with one DAG in it."""

    def __init__(self, home: Path, postgres: PostgresServer, select_per_loop: int) -> None:
        home.mkdir()
        login, host = postgres.connection["login"], postgres.url
        url = f"postgresql+psycopg://{login}@/postgres?{urlencode({'host': host})}"
        self.logs = home / "logs"
        self.database = psycopg.connect(host=host, user=login, dbname="postgres", autocommit=True)
        self._settings = {
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__BENCHMARKS__CROWD_SIZE": "1",
            "AIRFLOW__CORE__DAGS_FOLDER": str(_DAGS),
            "AIRFLOW__CORE__FERNET_KEY": urlsafe_b64encode(urandom(32)).decode(),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": url,
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": url,
            "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(self.logs),
            "AIRFLOW__TRIGGERER__MAX_TRIGGER_TO_SELECT_PER_LOOP": str(select_per_loop),
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        }
        for command in (["db", "migrate"], ["dags", "reserialize"]):
            subprocess.run(  # noqa: S603 - our own command
                [sys.executable, "-m", "airflow", *command],
                env=self.environment(),
                stdout=(home / "setup.log").open("ab"),
                stderr=subprocess.STDOUT,
                check=True,
            )

    def environment(self, **variables: str) -> dict[str, str]:
        """Return the environment of one of its processes."""
        return clean_environment(**self._settings, **variables)

    def triggerer(self, log: Path, connection: str, capacity: int) -> Component:
        """Start a triggerer with a connection for its triggers; return when it is at work."""
        command = [sys.executable, "-m", "airflow", "triggerer", "--skip-serve-logs", "--capacity", str(capacity)]
        environment = self.environment(**{CONNECTION_VARIABLE: connection})
        triggerer = Component("triggerer", command, environment=environment, folder=self.logs.parent, log=log)
        keep_to_core(triggerer.pid, CLIENT_CORE)

        def is_at_work() -> bool:
            triggerer.check()
            return len(processes_of(triggerer)) > 1

        wait_until(is_at_work, "the triggerer", timeout=_SECONDS)
        return triggerer

    def stored(self, run_id: str) -> list[tuple[int, datetime]]:
        """Return when each task of a DAG run got its event, by its map index."""
        query = "SELECT map_index, scheduled_dttm FROM task_instance WHERE run_id = %s AND state = 'scheduled'"
        return self.database.execute(query, [run_id]).fetchall()


class _Stage:
    """One number of tasks, from their deferral to their events."""

    def __init__(self, folder: Path, airflow: _Airflow, server: Server) -> None:
        self._folder, self._airflow, self._server = folder, airflow, server

    def watch(self, count: int, plan: Plan) -> list[str]:
        """Defer the tasks, wait, end the runs, and return a row of the table."""
        log = self._folder / f"triggerer-{count}.log"
        triggerer = self._airflow.triggerer(log, self._server.connection, 2 * count)
        try:
            return self._watch(triggerer, f"crowd-{count}", count, plan)
        finally:
            stop_together([triggerer])

    def _watch(self, triggerer: Component, run_id: str, count: int, plan: Plan) -> list[str]:
        deferring = Child(
            self._folder,
            run_id,
            "tests.benchmarks.crowd_rows_child",
            {"run_id": run_id, "count": count},
            core=None,
            variables=self._airflow.environment(),
        )
        deferring.result(_SECONDS)
        deferred = time.time()
        wait_until(lambda: self._logs(run_id) == count, "all triggers to begin", timeout=_SECONDS)
        arrived = time.time()
        time.sleep(plan.arrival)

        blocked, counts, meter = _blocked(triggerer), self._server.tell("/counts"), Meter(processes_of(triggerer))
        meter.rest(plan.calm)
        minutes, calm, later = plan.calm / 60, meter.cpu(), self._server.tell("/counts")
        files = [process.num_fds() for process in processes_of(triggerer)]

        meter = Meter(processes_of(triggerer))
        self._server.tell("/begin")
        wait_until(lambda: len(self._airflow.stored(run_id)) == count, "all events", timeout=_SECONDS, poll=1.0)
        return [
            f"{count:,}",
            number(arrived - deferred),
            _pair([seconds / minutes for seconds in calm]),
            number((sum(later.values()) - sum(counts.values())) / minutes),
            _pair(meter.cpu()),
            describe_latencies(self._latencies(run_id)),
            f"{_words(blocked)} / {_words(_blocked(triggerer)[len(blocked) :])}",
            _pair(meter.memory_mb()),
            _pair(files),
            load(),
        ]

    def _logs(self, run_id: str) -> int:
        return sum(1 for _ in self._airflow.logs.glob(f"*/run_id={run_id}/**/*.trigger.*.log"))

    def _latencies(self, run_id: str) -> list[float]:
        """Return how long after each run's end its event was stored, in seconds."""
        self._server.tell("/stop")
        ends = {run_id: datetime.fromisoformat(at) for run_id, at in self._server.ends().items()}
        return [(at - ends[run_id_of(index)]).total_seconds() for index, at in self._airflow.stored(run_id)]


def _blocked(triggerer: Component) -> list[float]:
    """Return for how many seconds the event loop was blocked, each time that Airflow said so."""
    return [float(seconds) for seconds in _SECONDS_BLOCKED.findall(triggerer.output())]


def _words(blocked: Sequence[float]) -> str:
    return f"{len(blocked)} ({number(max(blocked))})" if blocked else "0"


def _pair(database_and_loop: Sequence[float]) -> str:
    """Write what there is of each process: the database process is the first, as it has started the other."""
    database, *loop = database_and_loop
    return f"{number(sum(loop))} / {number(database)}"
