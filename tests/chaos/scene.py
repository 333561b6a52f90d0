"""Run one case: its own local Apify, its own connection, its own DAG run; act, wait, and read the ledger."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any

import psutil

from airflow_provider_apify.models import SUCCEEDED
from airflow_provider_apify.testing import Ledger, LedgerRun, LocalApify, Settings
from tests.chaos.case import HOLD_SECONDS, SAVED_TASK, TASK, Case
from tools.lab import AirflowLab, AirflowRequestError, DagRunKey, TaskInstance, wait_until

WATCH = "GET /v2/actor-runs/{runId}"
STEP_SECONDS = 150.0
END_SECONDS = 300.0
QUIET_SECONDS = HOLD_SECONDS + 1.0
CALM_SECONDS = 45.0
# As on api.apify.com a new run may be unknown for a while; here for less, so that the cases take seconds.
START_SETTLE_SECONDS = 8.0
LAB_CONFIG = {
    "scheduler": {
        "task_instance_heartbeat_timeout": "25",
        "task_instance_heartbeat_timeout_detection_interval": "3",
        "scheduler_health_check_threshold": "15",
        "orphaned_tasks_check_interval": "10",
    },
    "triggerer": {"job_heartbeat_sec": "2", "triggerer_health_check_threshold": "10"},
    "dag_processor": {"refresh_interval": "3600", "min_file_process_interval": "3600"},
}
"""Lets Airflow notice within seconds what it notices within minutes by default, and read the many DAGs only once."""


@dataclass(frozen=True)
class Verdict:
    """What a case has led to.

    :param case: which one.
    :param state: how the DAG run ended; ``"unfinished"`` if it did not in time.
    :param runs: how the runs at Apify have ended, oldest first; ``RUNNING`` where one goes on.
    :param duplicates: runs that worked to their end although nobody had asked for another.
    :param orphaned: runs that went on when the task was over.
    :param lost: runs that were good, but whose result the task has not got.
    :param requests: how many starts Apify was asked for.
    :param trouble: what went wrong with the case itself.
    """

    case: Case
    state: str
    runs: tuple[str, ...]
    duplicates: int
    orphaned: int
    lost: int
    requests: int
    trouble: str = ""

    @property
    def is_exact(self) -> bool:
        """Whether no run was duplicated, orphaned or lost."""
        return not (self.duplicates or self.orphaned or self.lost or self.trouble)

    @property
    def is_as_expected(self) -> bool:
        """Whether it is exact and ended as the table says."""
        return self.is_exact and (self.state, self.runs) == (self.case.state, self.case.runs)

    def __str__(self) -> str:
        """Say it in one line."""
        counts = f"{self.duplicates} duplicate, {self.orphaned} orphaned, {self.lost} lost"
        return f"{self.case.key}: {self.state}, {' '.join(self.runs) or 'no run'}; {counts} {self.trouble}".strip()


class Scene:
    """A case under way, with what its script may do.

    :param dag_id: of the case's DAG.
    """

    def __init__(self, lab: AirflowLab, case: Case, apify: LocalApify, dag_id: str) -> None:
        self.lab = lab
        self.case = case
        self.apify = apify
        self.dag_id = dag_id
        self.client = lab.new_client()
        self.is_marked = False
        self.run: DagRunKey = self._trigger()

    @property
    def ledger(self) -> Ledger:
        """What this case's Apify remembers."""
        return self.apify.control.ledger()

    def task(self, task_id: str = TASK) -> TaskInstance:
        """Return the task; of a mapped one, the first."""
        return next(task for task in self.client.task_instances(self.run) if task.task_id == task_id)

    def wait_for(self, *states: str, task_id: str = TASK) -> None:
        """Wait until the task is in one of the states."""
        what = f"{self.case.key} to be {' or '.join(states)}"
        wait_until(lambda: self.task(task_id).state in states, what, timeout=STEP_SECONDS)

    def wait_until_held(self, times: int = 1) -> None:
        """Wait until the first fault has happened."""
        faults = self.apify.control.faults
        what = f"the first fault of {self.case.key}"
        wait_until(lambda: faults()[0]["happened"] >= times, what, timeout=STEP_SECONDS, poll=0.05)

    def wait_until_watched(self) -> None:
        """Wait until somebody, a worker or the triggerer, waits for the run."""
        what = f"somebody to watch the run of {self.case.key}"
        wait_until(lambda: self.ledger.requests.get(WATCH), what, timeout=STEP_SECONDS)
        if self.case.deferrable:
            self.wait_for("deferred", "up_for_retry", "success", "failed")

    def wait_until_newest_is_watched(self) -> None:
        """Wait until the newest run is watched, after an older one was."""
        before = self.ledger.requests.get(WATCH, 0)
        what = f"somebody to watch the newest run of {self.case.key}"
        wait_until(lambda: self.ledger.requests.get(WATCH, 0) > before, what, timeout=STEP_SECONDS)
        self.wait_for("deferred" if self.case.deferrable else "running")

    def wait_for_runs(self, count: int) -> None:
        """Wait until Apify has started so many runs."""
        what = f"run {count} of {self.case.key}"
        wait_until(lambda: self.ledger.runs_started >= count, what, timeout=STEP_SECONDS)

    def kill_worker(self, task_id: str = TASK) -> None:
        """Kill the process that works for the task."""
        pid = wait_until(lambda: self.task(task_id).pid, "the worker", timeout=STEP_SECONDS)
        psutil.Process(pid).kill()

    def kill_machine(self, task_id: str = TASK) -> None:
        """Kill the process that works for the task, and before it the one that looks after it."""
        worker = psutil.Process(wait_until(lambda: self.task(task_id).pid, "the worker", timeout=STEP_SECONDS))
        supervisor = worker.parent()
        assert supervisor is not None
        supervisor.kill()
        worker.kill()

    def mark(self, state: str) -> None:
        """Mark the task, as the buttons in the UI do."""
        self.client.set_task_state(self.run, TASK, state)
        self.is_marked = True

    def clear(self) -> None:
        """Clear the task, as the button in the UI does."""
        self.client.clear(self.run, [TASK])

    def result(self) -> Any:
        """Return the XCom of the task."""
        task = self.task()
        return self.client.xcom(self.run, TASK, map_index=task.map_index)

    def end(self) -> str:
        """Wait for the DAG run's end; return its state, ``unfinished`` after a long time."""
        try:
            return self.client.wait_for_run(self.run, timeout=END_SECONDS)
        except TimeoutError:
            return "unfinished"

    def calm_down(self) -> Ledger:
        """Wait until nothing has been going at Apify for a while, or for long enough; return the ledger then."""
        quiet_since, deadline = time.monotonic(), time.monotonic() + CALM_SECONDS
        while time.monotonic() < deadline:
            ledger = self.ledger
            if ledger.runs_going:
                quiet_since = time.monotonic()
            if time.monotonic() - quiet_since > QUIET_SECONDS:
                return ledger
            time.sleep(0.25)
        return self.ledger

    def _trigger(self) -> DagRunKey:
        if self.case.shape == "task":
            self.apify.add_task(SAVED_TASK, "apify/scenario", dict(self.case.run_input))
        for fault in self.case.faults:
            self.apify.control.add_fault(**fault)
        settle = {"start_settle_seconds": START_SETTLE_SECONDS, "cost_settle_seconds": 1}
        self.client.put_connection(
            self.dag_id,
            conn_type="apify",
            host=self.apify.base_url,
            password=self.apify.token,
            extra=json.dumps(settle),
        )
        self.client.unpause(self.dag_id)
        return self.client.trigger(self.dag_id)


def play(lab: AirflowLab, case: Case, *, prefix: str = "") -> Verdict:
    """Run a case to its end.

    :param prefix: of the DAG's id; the DAGs of the plain client have one.
    """
    with LocalApify(settings=Settings(**case.settings)) as apify:
        scene = Scene(lab, case, apify, prefix + case.key)
        trouble = ""
        try:
            case.acts(scene)
        except (TimeoutError, psutil.Error, AirflowRequestError) as error:
            trouble = repr(error)
        state = scene.end()
        ledger = scene.calm_down()
        return _judge(scene, state, ledger, trouble)


def _judge(scene: Scene, state: str, ledger: Ledger, trouble: str) -> Verdict:
    orphaned = [run for run in ledger.runs if run.is_going]
    good = [run for run in ledger.runs if run.status == SUCCEEDED]
    duplicates = max(0, len(good) + len(orphaned) - 1 - scene.case.clears)
    return Verdict(
        scene.case,
        state,
        tuple(run.status for run in ledger.runs),
        duplicates,
        len(orphaned) if state != "unfinished" else 0,
        _lost(scene, state, good),
        sum(count for route, count in ledger.requests.items() if route.startswith("POST") and route.endswith("/runs")),
        trouble,
    )


def _lost(scene: Scene, state: str, good: list[LedgerRun]) -> int:
    """Count the good runs whose result is missing: not what a cleared task had before, nor what a user gave up."""
    if not good or scene.is_marked:
        return 0
    result = scene.result() if state == "success" else None
    returned = result.get("run_id") if isinstance(result, dict) else result
    return 0 if returned == good[-1].run_id else 1
