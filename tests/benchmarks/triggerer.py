"""Hundreds of deferred tasks in a real triggerer: what its processes cost, and how soon tasks are woken."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from tests.benchmarks.child import CLIENT_CORE, SERVER_CORE
from tests.benchmarks.local import GET_RUN, ledger, local_apify, start_runs
from tests.benchmarks.machine import keep_to_core
from tests.benchmarks.report import Section, number
from tests.benchmarks.waiting import WAYS, Crowd, describe_latencies
from tools.lab import AirflowLab, ApifyServer, wait_until

_DAG_FILE = Path(__file__).parent / "dags" / "crowd.py"
_POOL = "no_worker"
_IDLE_SECONDS = 15.0
_SECONDS = 240.0
_BLOCKED = "async thread was blocked"
_WOKEN = """
SELECT task_id, updated_at FROM task_instance
WHERE dag_id = ? AND state = 'scheduled' AND next_method IS NOT NULL
"""


def measure(folder: Path, crowd: Crowd) -> Section:
    """Let one triggerer watch the crowd in each way, one after the other, and do nothing before."""
    dags = folder / "dags"
    dags.mkdir()
    write_plans(dags, {})
    section = Section(
        f"Waiting: {crowd.runs} deferred tasks in a real triggerer",
        f"One Airflow with SQLite; {crowd.runs} tasks of one DAG, deferred by the scheduler from the start "
        f"(`start_from_trigger`, so that no worker disturbs); runs end at random between {crowd.shortest:.0f} and "
        f"{crowd.longest:.0f} s. The triggerer is kept to one core, the local Apify to the other, which it shares with "
        "the scheduler and the API server.",
        [
            "triggerer",
            "CPU of its event loop's process, s a minute",
            "CPU of its database process, s a minute",
            "memory of both, MiB",
            "requests per run and minute",
            "woken in the database after the end, p50 / p99 / max",
            "warnings of a blocked loop",
        ],
    )
    config = {"dag_processor": {"refresh_interval": "2"}}
    with (
        local_apify(folder, "triggerer-apify") as apify,
        AirflowLab(folder / "lab", [dags], apify=apify, config=config) as lab,
    ):
        lab.client.call("POST", "/pools", json={"name": _POOL, "slots": 0})
        stage = _Stage(lab, apify, dags)
        section.rows.append(stage.idle())
        section.rows += [stage.watch(way, interval, crowd) for way, interval in WAYS.items()]
    section.notes.append(
        "Woken after the end: from the run's `finishedAt` to the moment at which the triggerer made the task "
        "schedulable again in Airflow's database. CPU and memory are those of the processes, an idle triggerer's work "
        "included; memory that is shared counts in each."
    )
    return section


class _Stage:
    """A running Airflow, and the file that its DAGs are made from."""

    def __init__(self, lab: AirflowLab, apify: ApifyServer, dags: Path) -> None:
        self._lab, self._apify, self._dags = lab, apify, dags
        self._plans: dict[str, Any] = {}
        for name, component in lab.components.items():
            for process in _tree(component.pid):
                keep_to_core(process.pid, CLIENT_CORE if name == "triggerer" else SERVER_CORE)

    def idle(self) -> list[str]:
        """Measure the triggerer with nothing to do."""
        meter = self._meter()
        meter.rest(_IDLE_SECONDS)
        return ["idle", *meter.figures(), "", "", ""]

    def watch(self, way: str, interval: float | None, crowd: Crowd) -> list[str]:
        """Start runs, have all of them watched, and wait until all tasks are woken."""
        before, dag_id = self._asked(), f"crowd_{len(self._plans)}"
        self._start(dag_id, interval, crowd)
        wait_until(lambda: self._asked() >= before + crowd.runs, "all triggers to run", timeout=_SECONDS)
        meter, asked, began = self._meter(), self._asked(), time.time()
        wait_until(lambda: len(self._woken(dag_id)) == crowd.runs, "all tasks to be woken", timeout=_SECONDS)
        figures, asked = meter.figures(), self._asked() - asked
        ends = self._ends(dag_id, since=began)
        latencies = [woken - ends[task_id] for task_id, woken in self._woken(dag_id).items() if task_id in ends]
        run_minutes = sum(end - began for end in ends.values()) / 60
        return [way, *figures, number(asked / run_minutes), describe_latencies(latencies), str(self._warnings())]

    def _start(self, dag_id: str, interval: float | None, crowd: Crowd) -> None:
        """Start the runs first, because the DAG file names them, and then the tasks that watch them."""
        runs = start_runs(self._apify, [{"durationSecs": seconds} for seconds in crowd.durations()])
        self._plans[dag_id] = {"run_ids": [run["id"] for run in runs], "poll_interval": interval, "pool": _POOL}
        write_plans(self._dags, self._plans)
        self._lab.client.unpause(dag_id)
        self._lab.client.trigger(dag_id)

    def _meter(self) -> _Meter:
        return _Meter(_tree(self._lab.components["triggerer"].pid))

    def _asked(self) -> int:
        return ledger(self._apify).requests.get(GET_RUN, 0)

    def _woken(self, dag_id: str) -> dict[str, float]:
        """Return when each task that has been woken was, as Unix time."""
        with contextlib.closing(sqlite3.connect(f"file:{self._lab.home.database}?mode=ro", uri=True)) as database:
            rows = database.execute(_WOKEN, [dag_id]).fetchall()
        return {task_id: datetime.fromisoformat(at).replace(tzinfo=UTC).timestamp() for task_id, at in rows}

    def _ends(self, dag_id: str, *, since: float) -> dict[str, float]:
        """Return when the run of each task ended, as Unix time, of those that ended while all were watched."""
        runs = ledger(self._apify).runs
        ends = {run.run_id: datetime.fromisoformat(run.finished_at).timestamp() for run in runs if run.finished_at}
        tasks = enumerate(self._plans[dag_id]["run_ids"])
        return {f"run_{number}": ends[run_id] for number, run_id in tasks if ends[run_id] > since}

    def _warnings(self) -> int:
        """Count since the last call."""
        count = self._lab.components["triggerer"].output().count(_BLOCKED)
        new, self._warned = count - self._warned, count
        return new

    _warned = 0


class _Meter:
    """What a triggerer uses from now on: its database process, and the process of its event loop below it."""

    def __init__(self, processes: Sequence[psutil.Process]) -> None:
        self._processes = processes
        self._began, self._cpu = time.monotonic(), self._cpu_seconds()

    def rest(self, seconds: float) -> None:
        """Let time pass.

        :raises RuntimeError: the triggerer ended meanwhile.
        """
        gone, _ = psutil.wait_procs(self._processes, timeout=seconds)
        if gone:
            raise RuntimeError("The triggerer has ended")

    def figures(self) -> list[str]:
        """Return CPU seconds a minute of the event loop and of the database process, and the memory of both."""
        minutes = (time.monotonic() - self._began) / 60
        database, *loop = [now - before for now, before in zip(self._cpu_seconds(), self._cpu, strict=True)]
        memory = sum(process.memory_info().rss for process in self._processes) / 2**20
        return [number(sum(loop) / minutes), number(database / minutes), number(memory)]

    def _cpu_seconds(self) -> list[float]:
        return [sum(process.cpu_times()[:2]) for process in self._processes]


def write_plans(dags: Path, plans: dict[str, Any]) -> None:
    """Tell the DAG file what to make, and touch it so that the dag processor reads it again."""
    (dags / "crowd.json").write_text(json.dumps(plans))
    shutil.copyfile(_DAG_FILE, dags / _DAG_FILE.name)


def _tree(pid: int) -> list[psutil.Process]:
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]
