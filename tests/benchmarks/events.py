"""How soon a DAG starts after a run has ended, by webhook, watcher and sensor; and what many watchers ask for."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Collection
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import requests

from tests.benchmarks.imports import import_after
from tests.benchmarks.report import Section, number, say
from tests.benchmarks.waiting import describe_latencies
from tools.lab import AirflowLab, DagRunKey, wait_until

_DAGS = Path(__file__).parent / "event_dags"
_WAYS = {
    "webhook to Airflow's receiver": "by_webhook",
    "`ApifyRunFinishedTrigger`, one look in 30 s": "by_watcher",
    "a DAG run that waits, in a deferred `ApifyRunSensor`": "by_sensor",
}
_TASK_PROCESS = "import airflow.sdk.execution_time.task_runner, airflow.sdk.plugins_manager"
_PLUGIN = "import airflow_provider_apify.plugin"
_SECONDS = 300.0


def measure(folder: Path, rounds: int, watchers: int, minutes: float) -> Section:
    """Let runs end, at random moments, and look when each DAG goes on.

    :param minutes: how long the requests of all watchers are counted.
    """
    section = Section(
        "Runs start DAGs",
        f"A real Airflow on SQLite with one of each component. The same {rounds} runs of a saved task, at random "
        "moments, start a DAG in three ways.",
        ["way", "from the run's end until the DAG goes on, p50 / p99 / max"],
    )
    variables = {"BENCHMARK_WATCHERS": str(watchers)}
    with AirflowLab(folder / "events", [_DAGS], variables=lambda _apify: variables) as lab:
        account = _Account(lab)
        for name in ("timed", *(f"other-{number}" for number in range(watchers))):
            account.call("POST", "actor-tasks", {"actId": "apify/scenario", "name": name, "input": {"items": 1}})
        account.ensure_webhook()
        for dag_id in (*_WAYS.values(), "by_many"):
            lab.client.wait_for_dag(dag_id)
            lab.client.unpause(dag_id)
        wait_until(lambda: account.looks() >= 4, "the watchers", timeout=_SECONDS)
        seen: dict[str, list[float]] = {way: [] for way in _WAYS}
        for each in range(rounds):
            for way, seconds in account.play().items():
                seen[way].append(seconds)
            say(f"{each + 1} of {rounds}: { ({way: number(seen[way][-1]) for way in seen}) }")
        looks, began = account.looks(), time.monotonic()
        time.sleep(60 * minutes)
        a_minute = (account.looks() - looks) * 60 / (time.monotonic() - began)
    section.rows += [[way, describe_latencies(latencies)] for way, latencies in seen.items()]
    plugin = [import_after(folder, _TASK_PROCESS, _PLUGIN) for _ in range(5)]
    section.notes = f"""\
{watchers + 1} watchers of one account, which share their looks, asked for its runs {number(a_minute)} times a minute.
The webhook and the watcher are timed until the DAG run starts, the sensor until its task has succeeded.
The plugin that brings the receiver adds {number(min(plugin))} to {number(max(plugin))} ms of CPU to the imports of a \
task's process.""".splitlines()
    return section


class _Account:
    """The account whose runs start the DAGs."""

    def __init__(self, lab: AirflowLab) -> None:
        self._lab = lab

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Call Apify's API."""
        headers = {"Authorization": f"Bearer {self._lab.apify.token}"}
        answer = requests.request(
            method, f"{self._lab.apify.base_url}/v2/{path}", json=body, headers=headers, timeout=60
        )
        answer.raise_for_status()
        return answer.json()["data"]

    def ensure_webhook(self) -> None:
        """Have Apify tell Airflow's receiver."""
        self.call(
            "POST",
            "webhooks",
            {
                "eventTypes": ["ACTOR.RUN.SUCCEEDED"],
                "condition": {"actorTaskId": self.call("GET", "actor-tasks/local~timed")["id"]},
                "requestUrl": f"{self._lab.client.url}/apify/webhook",
                "headersTemplate": json.dumps({"X-Webhook-Secret": self._lab.webhook_secret}),
            },
        )

    def looks(self) -> int:
        """Return how often the account was asked for its runs."""
        answer = requests.get(f"{self._lab.apify.base_url}/control/ledger", timeout=60)
        requests_made: dict[str, int] = answer.json()["requests"]
        return requests_made.get("GET /v2/actor-runs", 0)

    def play(self) -> dict[str, float]:
        """Let a run end; return how long each way took."""
        client = self._lab.client
        waiting = client.trigger("by_sensor", {})
        client.wait_for_task(waiting, "wait", ["deferred"])
        known = {dag_id: {run["dag_run_id"] for run in client.dag_runs(dag_id)} for dag_id in _WAYS.values()}
        time.sleep(random.uniform(0, 30))
        run_id = self.call("POST", "actor-tasks/local~timed/runs")["id"]
        run = wait_until(lambda: self._finished(run_id), "the run", timeout=_SECONDS)
        ended = datetime.fromisoformat(run["finishedAt"])
        took = {}
        for way, dag_id in _WAYS.items():
            is_there = dag_id == waiting.dag_id
            look = partial(self._sensed, waiting) if is_there else partial(self._started, dag_id, known[dag_id])
            took[way] = (wait_until(look, way, timeout=_SECONDS) - ended).total_seconds()
        return took

    def _finished(self, run_id: str) -> Any:
        run = self.call("GET", f"actor-runs/{run_id}")
        return run if run["finishedAt"] else None

    def _started(self, dag_id: str, known: Collection[str]) -> datetime | None:
        new = [run for run in self._lab.client.dag_runs(dag_id) if run["dag_run_id"] not in known]
        return datetime.fromisoformat(new[0]["start_date"]) if new and new[0]["start_date"] else None

    def _sensed(self, run: DagRunKey) -> datetime | None:
        task = self._lab.client.call("GET", f"{run.path}/taskInstances/wait")
        return datetime.fromisoformat(task["end_date"]) if task["state"] == "success" else None
