"""What the integration tests do again and again: trigger, look at the ledger, wait for the triggerer."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from airflow_provider_apify._api.runs.identity import Identity
from local_apify.control import Control
from local_apify.world.ledger import LedgerRun
from tools.lab import AirflowLab, DagRunKey, wait_until

WATCH = "GET /v2/actor-runs/{runId}"
WAIT_SECONDS = 60.0


class Stage(NamedTuple):
    """A running Airflow and the remote control of its Apify."""

    lab: AirflowLab
    apify: Control

    @property
    def shop(self) -> str:
        """The front page of the demonstration shop."""
        return f"{self.lab.apify.base_url}/shop/"

    def trigger(self, dag_id: str, **params: Any) -> DagRunKey:
        """Switch a DAG on and start a manual run without a logical date."""
        self.lab.client.unpause(dag_id)
        return self.lab.client.trigger(dag_id, params)

    def trigger_deferred(self, run_input: dict[str, Any]) -> DagRunKey:
        """Start the DAG ``scenario`` and wait until the triggerer has asked Apify about its run."""
        asked_before = self.times_watched
        run = self.trigger("scenario", run_input=run_input)
        self.lab.client.wait_for_task(run, "run", ["deferred"])
        self.wait_until_watched(asked_before)
        return run

    @property
    def times_watched(self) -> int:
        """How often Apify was asked about a run so far."""
        return self.apify.ledger().requests.get(WATCH, 0)

    def wait_until_watched(self, asked_before: int) -> None:
        """Wait until the triggerer has asked about a run once more."""
        wait_until(lambda: self.times_watched > asked_before, "the triggerer to watch the run", timeout=WAIT_SECONDS)

    def finish(self, run: DagRunKey) -> None:
        """Wait until a run is done, and show the logs of its tasks unless it was a success."""
        state = self.lab.client.wait_for_run(run)
        assert state == "success", "\n".join(self.logs(run))

    def logs(self, run: DagRunKey) -> list[str]:
        """Return the log of each task of a run."""
        client = self.lab.client
        return [
            f"{task.label} is {task.state}\n{client.task_log(run, task.task_id, try_number=task.try_number)}"
            for task in client.task_instances(run)
            if task.try_number
        ]

    def apify_runs(self, run: DagRunKey) -> list[LedgerRun]:
        """Return all runs of the task instance whose link the task shows now, oldest first."""
        return self.apify_runs_of(self.apify_run(run))

    def apify_runs_of(self, started: LedgerRun) -> list[LedgerRun]:
        """Return all runs that Apify has seen from the task instance which started this one, oldest first."""
        identity = Identity.parse(started.user_agent)
        assert identity is not None
        return self.apify.ledger().of(f"start={identity.task}.")

    def apify_run(self, run: DagRunKey, task_id: str = "run") -> LedgerRun:
        """Return what Apify's ledger has about the run that a task started."""
        link = self.lab.client.extra_links(run, task_id)["Apify run"] or ""
        run_id = link.rpartition("/")[2]
        return next(started for started in self.apify.ledger().runs if started.run_id == run_id)


def json_lines(items: list[dict[str, Any]]) -> bytes:
    """Return items as the bytes of a jsonl file."""
    lines = (json.dumps(item, ensure_ascii=False, separators=(",", ":")) for item in items)
    return "".join(f"{line}\n" for line in lines).encode()
