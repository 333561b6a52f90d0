"""A case under way: its own local Apify, its own connection, its own DAG run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import psutil

from local_apify import Ledger, LocalApify
from tests.chaos.case import (
    BESIDE,
    CROWDED,
    SAVED_TASK,
    START_SETTLE_SECONDS,
    STEP_SECONDS,
    TASK,
    Case,
)
from tests.chaos.crash import death_note
from tests.chaos.judge import UNFINISHED
from tools.lab import FINISHED_RUN_STATES, AirflowLab, DagRunKey, TaskInstance, wait_until

WATCH = "GET /v2/actor-runs/{runId}"
END_SECONDS = 420.0
LAB_CONFIG = {
    "core": {"parallelism": "8"},
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


class Scene:
    """A case under way, with what its script may do.

    :param dag_id: of the case's DAG.
    :param storm: waits until all cases of the same storm have called it, and it has come.
    """

    def __init__(
        self, lab: AirflowLab, case: Case, apify: LocalApify, dag_id: str, storm: Callable[[], None] = lambda: None
    ) -> None:
        self.storm = storm
        self.lab = lab
        self.case = case
        self.apify = apify
        self.dag_id = dag_id
        self.client = lab.new_client()
        self.token = apify.token
        self.is_marked = False
        self.run: DagRunKey = self._trigger()

    @property
    def ledger(self) -> Ledger:
        """What this case's Apify remembers."""
        return self.apify.control.ledger()

    def tasks(self, task_id: str) -> list[TaskInstance]:
        """Return the instances of a task, by map index."""
        tasks = [task for task in self.client.task_instances(self.run) if task.task_id == task_id]
        return sorted(tasks, key=lambda task: task.map_index)

    def task(self) -> TaskInstance:
        """Return the task that it happens to; of a mapped one, the first."""
        return self.tasks(self.case.struck)[0]

    def wait_for(self, *states: str) -> None:
        """Wait until the task is in one of the states."""
        what = f"{self.case.key} to be {' or '.join(states)}"
        wait_until(lambda: self.task().state in states, what, timeout=STEP_SECONDS)

    def wait_until_struck(self) -> None:
        """Wait until the first fault has happened."""
        faults = self.apify.control.faults
        what = f"the first fault of {self.case.key}"
        wait_until(lambda: faults()[0]["happened"], what, timeout=STEP_SECONDS, poll=0.05)

    def wait_until_watched(self) -> None:
        """Wait until somebody, a worker or the triggerer, waits for the run.

        :raises TimeoutError: nobody does, or the run has ended by then, because the machine is too slow.
        """
        what = f"somebody to watch the run of {self.case.key}"
        wait_until(lambda: self.ledger.requests.get(WATCH), what, timeout=STEP_SECONDS)
        if self.case.deferrable:
            self.wait_for("deferred", "up_for_retry", "success", "failed")
        if not self.ledger.runs_going:
            raise TimeoutError(f"The run of {self.case.key} has ended before anything could happen to it")

    def wait_until_newest_is_watched(self) -> None:
        """Wait until the newest run is watched, after an older one was."""
        before = self.ledger.requests.get(WATCH, 0)
        what = f"somebody to watch the newest run of {self.case.key}"
        wait_until(lambda: self.ledger.requests.get(WATCH, 0) > before, what, timeout=STEP_SECONDS)
        self.wait_for("deferred" if self.case.deferrable else "running")

    def wait_for_try(self, number: int) -> None:
        """Wait until the task is at its so many-th attempt."""
        what = f"try {number} of {self.case.key}"
        wait_until(lambda: self.task().try_number >= number, what, timeout=STEP_SECONDS)

    def wait_for_runs(self, count: int) -> None:
        """Wait until Apify has started so many runs."""
        what = f"run {count} of {self.case.key}"
        wait_until(lambda: self.ledger.runs_started >= count, what, timeout=STEP_SECONDS)

    def worker(self) -> psutil.Process:
        """Return the process that works for the task."""
        return psutil.Process(wait_until(lambda: self.task().pid, "the worker", timeout=STEP_SECONDS))

    def supervisor(self) -> psutil.Process:
        """Return the process that looks after the worker."""
        supervisor = self.worker().parent()
        assert supervisor is not None
        return supervisor

    def mark(self, state: str) -> None:
        """Mark the task, as the buttons in the UI do."""
        self.client.set_task_state(self.run, TASK, state)
        self.is_marked = True

    def clear(self) -> None:
        """Clear the task, as the button in the UI does."""
        self.client.clear(self.run, [TASK])

    def clear_another(self) -> None:
        """Clear the other task, which has nothing to do with the run, once it is over."""

        def is_over() -> bool:
            return self.tasks(BESIDE)[0].state == "success"

        wait_until(is_over, f"the other task of {self.case.key}", timeout=STEP_SECONDS)
        self.client.clear(self.run, [BESIDE])

    def change_token(self, token: str) -> None:
        """Let the connection have another token."""
        self.token = token
        self._put_connection()

    def begin_again(self) -> None:
        """Delete the DAG run, ended by the user if need be, and start another of the same name."""
        if self.client.run_state(self.run) not in FINISHED_RUN_STATES:
            self.client.set_run_state(self.run, "failed")
            # Airflow takes the exit of the old task's worker for that of the new one's, if it comes late.
            worker = self.task().pid
            wait_until(lambda: not psutil.pid_exists(worker or 0), "the worker to end", timeout=STEP_SECONDS)
        self.client.delete_run(self.run)
        self.run = self.client.trigger(self.dag_id, run_id=self.run.run_id)

    def end(self) -> str:
        """Wait for the DAG run's end; return its state, ``unfinished`` after a long time."""
        try:
            return self.client.wait_for_run(self.run, timeout=END_SECONDS)
        except TimeoutError:
            return UNFINISHED

    @property
    def folder(self) -> Path:
        """Where the DAGs write."""
        return self.lab.home.folder

    def _trigger(self) -> DagRunKey:
        death_note(self.folder, self.dag_id).unlink(missing_ok=True)
        if self.case.shape == "task":
            self.apify.add_task(SAVED_TASK, "apify/scenario", dict(self.case.run_input))
        if self.case.shape == CROWDED:
            self.client.put_pool(self.case.key, slots=1)
        for fault in self.case.faults:
            self.apify.control.add_fault(**fault)
        self._put_connection()
        self.client.unpause(self.dag_id)
        return self.client.trigger(self.dag_id)

    def _put_connection(self) -> None:
        settle = {"start_settle_seconds": START_SETTLE_SECONDS, "cost_settle_seconds": 1}
        self.client.put_connection(
            self.dag_id,
            conn_type="apify",
            host=self.apify.base_url,
            password=self.token,
            extra=json.dumps(settle),
        )
