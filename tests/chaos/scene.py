"""Run one case: its own local Apify, its own connection, its own DAG run; act, wait, and read the ledger."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from threading import BrokenBarrierError

import psutil

from airflow_provider_apify.testing import Ledger, LedgerRun, LocalApify, Settings
from tests.chaos.case import (
    BESIDE,
    CROWDED,
    MAPPED,
    MAPPED_TIMEOUT,
    SAVED_TASK,
    START_SETTLE_SECONDS,
    STEP_SECONDS,
    TASK,
    Case,
)
from tests.chaos.crash import death_note
from tests.chaos.judge import UNFINISHED, Instance, Seen, Verdict, judge
from tools.lab import FINISHED_RUN_STATES, AirflowLab, AirflowRequestError, DagRunKey, TaskInstance, wait_until

WATCH = "GET /v2/actor-runs/{runId}"
END_SECONDS = 420.0
QUIET_SECONDS = 2.0
CALM_SECONDS = 130.0
"""How long what goes on at Apify is watched when the task is over: as long as the longest timeout of an orphan."""
LOSSES = {"heartbeat timeout", "state mismatch"}
"""What Airflow calls it in its event log when it has lost a worker, or could not make one."""
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
        self.client.delete_run(self.run)
        self.run = self.client.trigger(self.dag_id, run_id=self.run.run_id)

    def end(self) -> str:
        """Wait for the DAG run's end; return its state, ``unfinished`` after a long time."""
        try:
            return self.client.wait_for_run(self.run, timeout=END_SECONDS)
        except TimeoutError:
            return UNFINISHED

    def seen(self, trouble: str) -> Seen:
        """Wait until everything is over, and return what is left."""
        state = self.end()
        ended_at = self.client.call("GET", self.run.path)["end_date"]
        ledger = self.calm_down()
        return Seen(
            state=state,
            ended_at=datetime.fromisoformat(ended_at) if ended_at and state != UNFINISHED else None,
            instances=self._instances(ledger.runs),
            is_marked=self.is_marked,
            faults=self.apify.control.faults(),
            has_died=death_note(self.folder, self.dag_id).exists(),
            trouble=trouble or self._missing_lines(),
        )

    def calm_down(self) -> Ledger:
        """Wait until nothing has been going at Apify for a while, or for long enough; return the ledger then."""
        quiet_since, deadline = time.monotonic(), time.monotonic() + CALM_SECONDS
        while time.monotonic() < deadline:
            ledger = self.ledger
            if ledger.runs_going:
                quiet_since = time.monotonic()
            if time.monotonic() - quiet_since > self._quiet_seconds:
                return ledger
            time.sleep(0.25)
        return self.ledger

    @property
    def folder(self) -> Path:
        """Where the DAGs write."""
        return self.lab.home.folder

    @property
    def _quiet_seconds(self) -> float:
        """How long nothing may go on at Apify before it is over: what it holds may start a run afterwards."""
        return QUIET_SECONDS + max((fault.get("seconds", 0.0) for fault in self.case.faults), default=0.0)

    def _instances(self, runs: list[LedgerRun]) -> list[Instance]:
        """Return what is left of each instance of the task that starts the runs."""
        struck, starters = self.tasks(self.case.struck), self.tasks(TASK)
        tries = [task.try_number for task in struck]
        lost = [self._lost_tries(task) for task in struck]
        if self.case.shape != "mapped":
            return [Instance(tries=tries[0], lost=lost[0], result=self._result(starters[0]), runs=runs)]
        by_index = [
            [run for run in runs if run.options["timeoutSecs"] == MAPPED_TIMEOUT + index] for index in range(MAPPED)
        ]
        return [
            Instance(tries=tried, lost=losses, result=self._result(task), runs=own)
            for tried, losses, task, own in zip(tries, lost, starters, by_index, strict=True)
        ]

    def _lost_tries(self, task: TaskInstance) -> frozenset[int]:
        """Return which tries of a task Airflow itself says that it has lost the worker of."""
        which = {"dag_id": self.run.dag_id, "run_id": self.run.run_id, "task_id": task.task_id, "limit": 100}
        events = self.client.call("GET", "/eventLogs", params=which)["event_logs"]
        return frozenset(
            event["try_number"]
            for event in events
            if event["event"] in LOSSES and event["map_index"] in {task.map_index, None}
        )

    def _result(self, task: TaskInstance) -> str | None:
        """Return the ID of the run whose result the task has returned."""
        if task.state != "success":
            return None
        result = self.client.xcom(self.run, TASK, map_index=task.map_index)
        if isinstance(result, list):  # items; the button to the run tells which they are from
            return str(self.client.extra_links(self.run, TASK)["Apify run"]).rpartition("/")[2]
        run_id = result.get("run_id") if isinstance(result, dict) else result
        return None if run_id is None else str(run_id)

    def _missing_lines(self) -> str:
        """Say whether the second task has not written all items; nothing where there is no such task."""
        if self.case.shape != "export":
            return ""
        file = self.folder / f"{self.case.key}.jsonl"
        written = file.read_bytes().count(b"\n") if file.exists() else 0
        return "" if written == self.case.run_input["items"] else f"{written} items in the file"

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


def play(lab: AirflowLab, case: Case, *, prefix: str = "", storm: Callable[[], None] = lambda: None) -> Verdict:
    """Run a case to its end.

    :param prefix: of the DAG's id; the DAGs of the plain client have one.
    :param storm: see :class:`Scene`.
    """
    with LocalApify(settings=Settings(**case.settings)) as apify:
        scene = Scene(lab, case, apify, prefix + case.key, storm)
        trouble = ""
        try:
            case.acts(scene)
        except (TimeoutError, psutil.Error, AirflowRequestError, BrokenBarrierError) as error:
            trouble = repr(error)
        return judge(case, scene.seen(trouble), is_plain=bool(prefix))
