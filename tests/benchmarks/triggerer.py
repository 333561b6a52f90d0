"""Hundreds of deferred tasks in a real triggerer: what its processes cost, and how soon tasks are woken."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import psutil

from tests.benchmarks.child import CLIENT_CORE, SERVER_CORE, Child
from tests.benchmarks.local import GET_RUN, end_runs, ledger, local_apify, start_runs
from tests.benchmarks.machine import keep_to_core
from tests.benchmarks.report import Section, number
from tests.benchmarks.waiting import WAYS, Crowd, describe_latencies
from tools.lab import AirflowLab, ApifyServer, wait_until
from tools.lab.component import Component

_DAGS = Path(__file__).parent / "dags"
_POOL = "no_worker"
_IDLE_SECONDS = 15.0
_SECONDS = 420.0
_FOR_EVER = 3600
BLOCKED = "async thread was blocked"
_SCHEDULED = "SELECT map_index, updated_at FROM task_instance WHERE dag_id = ? AND state = 'scheduled' AND {}"


def measure(folder: Path, crowd: Crowd) -> Section:
    """Let one triggerer watch the crowd in each way, one after the other, and do nothing before."""
    section = Section(
        f"Waiting: {crowd.runs} deferred tasks in a real triggerer",
        f"A whole Airflow with SQLite; {crowd.runs} mapped tasks, whose deferral to `ApifyRunTrigger` is written into "
        "the database as a worker would write it, and whose pool has no slots, so that no worker takes part. When all "
        f"runs are watched, they are ended at random within {crowd.longest:.0f} s; CPU and requests are counted from "
        "there. The triggerer is kept to one core, the local Apify to the other, which it shares with the rest of "
        "Airflow.",
        [
            "triggerer",
            "until all runs are watched, s",
            "CPU of its event loop's process, s a minute",
            "CPU of its database process, s a minute",
            "memory of both, MiB",
            "requests per run and minute",
            "woken in the database after the end, p50 / p99 / max",
            "warnings of a blocked loop",
        ],
    )
    config = {"benchmarks": {"crowd_size": str(crowd.runs)}}
    with (
        local_apify(folder, "triggerer-apify") as apify,
        AirflowLab(folder / "lab", [_DAGS], apify=apify, config=config) as lab,
    ):
        lab.client.call("POST", "/pools", json={"name": _POOL, "slots": 0})
        stage = _Stage(lab, apify, folder)
        section.rows.append(stage.idle())
        section.rows += [stage.watch(way, interval, crowd) for way, interval in WAYS.items()]
    section.notes.append(
        "Woken after the end: from the run's `finishedAt` to the moment at which the triggerer made the task "
        "schedulable again in Airflow's database. CPU and memory are those of the processes, an idle triggerer's work "
        "included; memory that is shared counts in each."
    )
    return section


class _Stage:
    """A running Airflow, its triggerer on a core of its own."""

    def __init__(self, lab: AirflowLab, apify: ApifyServer, folder: Path) -> None:
        self._lab, self._apify, self._folder = lab, apify, folder
        self._run_ids: dict[str, list[str]] = {}
        self._warned = 0
        for name, component in lab.components.items():
            for process in processes_of(component):
                keep_to_core(process.pid, CLIENT_CORE if name == "triggerer" else SERVER_CORE)

    def idle(self) -> list[str]:
        """Measure the triggerer with nothing to do."""
        meter = self._meter()
        meter.rest(_IDLE_SECONDS)
        return ["idle", "", *meter.figures(), "", "", ""]

    def watch(self, way: str, interval: float | None, crowd: Crowd) -> list[str]:
        """Have runs watched that do not end by themselves, then end them one by one."""
        before, dag_id = self._asked(), f"crowd_{len(self._run_ids)}"
        deferred = self._start(dag_id, interval, crowd)
        wait_until(lambda: self._asked() >= before + crowd.runs, "all runs to be watched", timeout=_SECONDS)
        meter, asked, began = self._meter(), self._asked(), time.time()
        end_runs(self._apify, self._run_ids[dag_id], crowd.durations())
        wait_until(lambda: len(self._woken(dag_id)) == crowd.runs, "all tasks to be woken", timeout=_SECONDS)
        figures, asked, ends = meter.figures(), self._asked() - asked, self._ends(dag_id)
        latencies = [woken - ends[index] for index, woken in self._woken(dag_id).items()]
        run_minutes = sum(end - began for end in ends.values()) / 60
        per_run = number(asked / run_minutes)
        return [way, number(began - deferred), *figures, per_run, describe_latencies(latencies), str(self._warnings())]

    def _start(self, dag_id: str, interval: float | None, crowd: Crowd) -> float:
        """Have tasks that wait for the pool, start the runs, defer the tasks to them; return when that was done."""
        self._lab.client.unpause(dag_id)
        self._lab.client.trigger(dag_id)
        wait_until(lambda: len(self._scheduled(dag_id, "next_method IS NULL")) == crowd.runs, "tasks", timeout=_SECONDS)
        runs = start_runs(self._apify, [{"durationSecs": _FOR_EVER}] * crowd.runs)
        run_ids = self._run_ids[dag_id] = [run["id"] for run in runs]
        plan = {"dag_id": dag_id, "run_ids": run_ids, "poll_interval": interval}
        home = str(self._lab.home.folder)
        Child(self._folder, dag_id, "tests.benchmarks.deferring_child", plan, variables={"AIRFLOW_HOME": home}).result(
            _SECONDS
        )
        return time.time()

    def _meter(self) -> Meter:
        return Meter(processes_of(self._lab.components["triggerer"]))

    def _asked(self) -> int:
        return ledger(self._apify).requests.get(GET_RUN, 0)

    def _woken(self, dag_id: str) -> dict[int, float]:
        """Return when each task that has been woken was, as Unix time, by its map index."""
        return self._scheduled(dag_id, "next_method IS NOT NULL")

    def _scheduled(self, dag_id: str, condition: str) -> dict[int, float]:
        with contextlib.closing(sqlite3.connect(f"file:{self._lab.home.database}?mode=ro", uri=True)) as database:
            rows = database.execute(_SCHEDULED.format(condition), [dag_id]).fetchall()
        return {index: datetime.fromisoformat(at).replace(tzinfo=UTC).timestamp() for index, at in rows}

    def _ends(self, dag_id: str) -> dict[int, float]:
        """Return when each task's run ended, as Unix time, by map index."""
        finished = {run.run_id: run.finished_at for run in ledger(self._apify).runs if run.finished_at}
        times = [datetime.fromisoformat(finished[run_id]).timestamp() for run_id in self._run_ids[dag_id]]
        return dict(enumerate(times))

    def _warnings(self) -> int:
        """Count since the last call."""
        count = self._lab.components["triggerer"].output().count(BLOCKED)
        new, self._warned = count - self._warned, count
        return new


class Meter:
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
        database, *loop = self.cpu()
        return [number(sum(loop) / minutes), number(database / minutes), number(sum(self.memory_mb()))]

    def cpu(self) -> list[float]:
        """Return the CPU seconds of each process since the beginning."""
        return [now - before for now, before in zip(self._cpu_seconds(), self._cpu, strict=True)]

    def memory_mb(self) -> list[float]:
        """Return the resident memory of each process, in MiB."""
        return [process.memory_info().rss / 2**20 for process in self._processes]

    def _cpu_seconds(self) -> list[float]:
        return [sum(process.cpu_times()[:2]) for process in self._processes]


def processes_of(component: Component) -> list[psutil.Process]:
    """Return the process of a component and those below it, itself first."""
    process = psutil.Process(component.pid)
    return [process, *process.children(recursive=True)]
