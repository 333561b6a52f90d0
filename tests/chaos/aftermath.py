"""Run one case to its end: act, wait, read the ledger, and judge what is left."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from threading import BrokenBarrierError

import psutil

from local_apify import Ledger, LedgerRun, LocalApify, Settings
from tests.chaos.case import MAPPED, MAPPED_TIMEOUT, TASK, Case
from tests.chaos.crash import death_note
from tests.chaos.judge import UNFINISHED, Instance, Seen, Verdict, judge
from tests.chaos.scene import Scene
from tools.lab import AirflowLab, AirflowRequestError, TaskInstance

QUIET_SECONDS = 2.0
CALM_SECONDS = 130.0
"""How long what goes on at Apify is watched when the task is over: as long as the longest timeout of an orphan."""
LOSSES = {"heartbeat timeout", "state mismatch"}
"""What Airflow calls it in its event log when it has lost a worker, or could not make one."""


class Aftermath:
    """What a case leaves behind."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene

    def seen(self, trouble: str) -> Seen:
        """Wait until everything is over, and return what is left."""
        state = self._scene.end()
        ended_at = self._scene.client.call("GET", self._scene.run.path)["end_date"]
        ledger = self._calm_down()
        return Seen(
            state=state,
            ended_at=datetime.fromisoformat(ended_at) if ended_at and state != UNFINISHED else None,
            instances=self._instances(ledger.runs),
            is_marked=self._scene.is_marked,
            faults=self._scene.apify.control.faults(),
            has_died=death_note(self._scene.folder, self._scene.dag_id).exists(),
            trouble=trouble or self._missing_lines(),
        )

    def _calm_down(self) -> Ledger:
        """Wait until nothing has been going at Apify for a while, or for long enough; return the ledger then."""
        quiet_since, deadline = time.monotonic(), time.monotonic() + CALM_SECONDS
        while time.monotonic() < deadline:
            ledger = self._scene.ledger
            if ledger.runs_going:
                quiet_since = time.monotonic()
            if time.monotonic() - quiet_since > self._quiet_seconds:
                return ledger
            time.sleep(0.25)
        return self._scene.ledger

    @property
    def _quiet_seconds(self) -> float:
        """How long nothing may go on at Apify before it is over: what it holds may start a run afterwards."""
        return QUIET_SECONDS + max((fault.get("seconds", 0.0) for fault in self._scene.case.faults), default=0.0)

    def _instances(self, runs: list[LedgerRun]) -> list[Instance]:
        """Return what is left of each instance of the task that starts the runs."""
        struck, starters = self._scene.tasks(self._scene.case.struck), self._scene.tasks(TASK)
        tries = [task.try_number for task in struck]
        lost = [self._lost_tries(task) for task in struck]
        if self._scene.case.shape != "mapped":
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
        which = {
            "dag_id": self._scene.run.dag_id,
            "run_id": self._scene.run.run_id,
            "task_id": task.task_id,
            "limit": 100,
        }
        events = self._scene.client.call("GET", "/eventLogs", params=which)["event_logs"]
        return frozenset(
            event["try_number"]
            for event in events
            if event["event"] in LOSSES and event["map_index"] in {task.map_index, None}
        )

    def _result(self, task: TaskInstance) -> str | None:
        """Return the ID of the run whose result the task has returned."""
        if task.state != "success":
            return None
        result = self._scene.client.xcom(self._scene.run, TASK, map_index=task.map_index)
        if isinstance(result, list):  # items; the button to the run tells which they are from
            return str(self._scene.client.extra_links(self._scene.run, TASK)["Apify run"]).rpartition("/")[2]
        run_id = result.get("run_id") if isinstance(result, dict) else result
        return None if run_id is None else str(run_id)

    def _missing_lines(self) -> str:
        """Say whether the second task has not written all items; nothing where there is no such task."""
        if self._scene.case.shape != "export":
            return ""
        file = self._scene.folder / f"{self._scene.case.key}.jsonl"
        written = file.read_bytes().count(b"\n") if file.exists() else 0
        return "" if written == self._scene.case.run_input["items"] else f"{written} items in the file"


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
        return judge(case, Aftermath(scene).seen(trouble), is_plain=bool(prefix))
