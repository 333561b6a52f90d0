"""Webhooks of Apify in a real Airflow: each run once, whatever is sent and whatever dies."""

from __future__ import annotations

import json
import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Event
from typing import Any

import pytest
import requests

from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.models.runs import ActorRun
from airflow_provider_apify.options import Target
from tests.dag_runs import AIRFLOW_VERSION
from tests.integration.stage import Stage
from tools.lab import DagRunKey, wait_until

TASK = Target("task", "local/received")
RUNS, DELIVERIES = 120, 500
STARTS_BY_PARTITION = "each_received"
HAS_PARTITIONS = not AIRFLOW_VERSION.startswith(("2.", "3.0.", "3.1."))


@pytest.fixture
def hook(stage: Stage, apify_token: str, monkeypatch: pytest.MonkeyPatch) -> ApifyHook:
    """Return the hook of the same connection as Airflow's."""
    extra = {"webhook_secret": stage.lab.webhook_secret, "cost_settle_seconds": 0}
    connection = {"conn_type": "apify", "host": stage.lab.apify.base_url, "password": apify_token, "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_APIFY_DEFAULT", json.dumps(connection))
    return ApifyHook()


@dataclass
class Receiver:
    """Airflow's receiver, to which anybody may send anything."""

    url: str
    secret: str
    statuses: Counter[str] = field(default_factory=Counter)

    def send(self, kind: str, body: bytes, secret: str | None = None) -> int:
        """Send once, and count what came of it; 0 where nobody answers."""
        try:
            headers = {"X-Webhook-Secret": self.secret if secret is None else secret}
            status = requests.post(f"{self.url}/apify/webhook", body, headers=headers, timeout=60).status_code
        except requests.RequestException:
            status = 0
        self.statuses[f"{kind}: {status}"] += 1
        return status

    def tell(self, kind: str, run_id: str) -> None:
        """Send as Apify does: again until it is taken."""
        wait_until(lambda: self.send(kind, said(run_id)) == 200, f"run {run_id} to be taken", timeout=300, poll=1)


def said(run_id: str) -> bytes:
    return json.dumps({"eventType": "ACTOR.RUN.SUCCEEDED", "eventData": {"actorRunId": run_id}}).encode()


def finished(hook: ApifyHook, **run_input: Any) -> ActorRun:
    return hook.wait_for_run(hook.start_run(TASK, run_input).id).run


def ensure_task(stage: Stage, hook: ApifyHook) -> None:
    """Have the saved task that the DAGs follow; it may be there from another test."""
    headers = {"Authorization": f"Bearer {stage.lab.apify.token}"}
    body = {"actId": "apify/scenario", "name": "received", "input": {"items": 1}}
    requests.post(f"{stage.lab.apify.base_url}/v2/actor-tasks", json=body, headers=headers, timeout=30)
    hook.get_task(TASK.id)


@pytest.mark.timeout(1_800)
def test_each_run_starts_a_dag_once_though_the_api_server_is_killed(stage: Stage, hook: ApifyHook) -> None:
    client = stage.lab.client
    ensure_task(stage, hook)
    client.wait_for_dag("all_received")
    if HAS_PARTITIONS:
        client.wait_for_dag(STARTS_BY_PARTITION)
        client.unpause(STARTS_BY_PARTITION)
    receiver = Receiver(client.url, stage.lab.webhook_secret)
    real = [finished(hook).id for _ in range(RUNS)]
    forged = [f"forged{number:011}" for number in range(60)]
    killed = Event()

    def kill() -> None:
        stage.lab.stop_component("api-server", gracefully=False)
        stage.lab.start_component("api-server")
        killed.set()

    plan = [("real", run_id) for run_id in (real * 3)[: DELIVERIES - 140]]
    plan += [("forged", run_id) for run_id in forged]
    plan += [("wrong secret", run_id) for run_id in real[:50]]
    plan += [("torn", run_id) for run_id in real[:30]]
    random.Random(7).shuffle(plan)
    assert len(plan) == DELIVERIES

    def deliver(numbered: tuple[int, tuple[str, str]]) -> None:
        number, (kind, run_id) = numbered
        if number == DELIVERIES // 2:
            kill()
        if kind == "real":
            receiver.tell(kind, run_id)
        elif kind == "torn":
            receiver.send(kind, said(run_id)[: random.Random(number).randrange(1, len(said(run_id)))])
        else:
            receiver.send(kind, said(run_id), "a-secret-that-is-wrong" if kind == "wrong secret" else None)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(deliver, enumerate(plan)))
    assert killed.is_set()
    counted = receiver.statuses
    assert counted["real: 200"] == DELIVERIES - 140
    taken = {kind for kind in counted if kind.endswith(": 200")}
    assert taken == {"real: 200"}, counted

    stage.lab.wait_for_task_server()
    by_run = Counter(events_by_run(stage))
    assert set(by_run) == set(real)
    assert set(by_run.values()) == {1}
    if HAS_PARTITIONS:
        keys = wait_until(lambda: _keys_of(stage, len(real)), "a DAG run for each", timeout=600, poll=2)
        assert sorted(keys) == sorted(real)


def events_by_run(stage: Stage) -> list[str]:
    """Return the run of each event by which DAGs without partitions start."""
    found = stage.lab.client.entries("/assets/events", "asset_events")
    return [
        run["run_id"]
        for event in found
        if event["extra"].get("from_webhook") and not event.get("partition_key")
        for run in event["extra"]["payload"]["runs"]
    ]


def _keys_of(stage: Stage, count: int) -> list[str]:
    runs = stage.lab.client.entries(f"/dags/{STARTS_BY_PARTITION}/dagRuns", "dag_runs")
    return [run["partition_key"] for run in runs] if len(runs) >= count else []


@pytest.mark.skipif(not HAS_PARTITIONS, reason="the example needs Airflow 3.2")
@pytest.mark.timeout(600)
def test_the_example_saves_the_data_of_each_run_that_somebody_else_starts(stage: Stage, hook: ApifyHook) -> None:
    client, dag_id = stage.lab.client, "apify_each_finished_run"
    stage.finish(stage.trigger("apify_receiver"))
    client.unpause(dag_id)
    run = hook.start_run("apify/website-content-crawler", {"startUrls": [{"url": stage.shop}], "maxCrawlPages": 2})

    def started() -> list[DagRunKey]:
        return [DagRunKey(dag_id, each["dag_run_id"]) for each in client.dag_runs(dag_id)]

    (dag_run,) = wait_until(started, "a DAG run", timeout=120)
    stage.finish(dag_run)
    file = stage.lab.home.folder / "examples" / "each_finished_run" / f"{run.id}.jsonl"
    assert len(file.read_bytes().splitlines()) == 2
    assert stage.lab.webhook_secret not in "".join(stage.logs(dag_run))


@pytest.mark.timeout(600)
def test_a_task_that_looks_seldom_is_woken(stage: Stage, hook: ApifyHook) -> None:
    receiver = Receiver(stage.lab.client.url, stage.lab.webhook_secret)
    dag_run = stage.trigger("looks_seldom", run_input={"durationSecs": 25})
    stage.lab.client.wait_for_task(dag_run, "run", ["deferred"])
    run_id = stage.apify_run(dag_run).run_id
    hook.wait_for_run(run_id)
    receiver.tell("real", run_id)
    stage.finish(dag_run)
    assert [run.status for run in stage.apify_runs(dag_run)] == ["SUCCEEDED"]
