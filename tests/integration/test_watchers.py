"""Runs of Apify start DAGs: each run once, whatever dies."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from tests.integration.stage import Stage
from tools.lab import DagRunKey, wait_until

DAG_ID = "follow_watched"
LIST = "GET /v2/actor-runs"


class Elsewhere:
    """Somebody who uses Apify without Airflow."""

    def __init__(self, base_url: str, token: str) -> None:
        self._base_url = base_url
        self._headers = {"Authorization": f"Bearer {token}"}

    def post(self, path: str, body: Any = None) -> Any:
        url = f"{self._base_url}/v2/{path}"
        answer = requests.post(url, json=body, headers=self._headers, timeout=30)
        answer.raise_for_status()
        return answer.json()["data"]

    def start(self, **run_input: Any) -> str:
        return str(self.post("actor-tasks/local~watched/runs", run_input)["id"])


def told(stage: Stage) -> list[str]:
    """Return the runs that all finished DAG runs were told of."""
    client = stage.lab.client
    runs = [DagRunKey(DAG_ID, run["dag_run_id"]) for run in client.dag_runs(DAG_ID) if run["state"] == "success"]
    return [run_id for run in runs for run_id in client.xcom(run, "told")]


@pytest.mark.timeout(1_200)
def test_each_run_starts_a_dag_once_though_the_triggerer_is_killed(stage: Stage, apify_token: str) -> None:
    elsewhere = Elsewhere(stage.lab.apify.base_url, apify_token)
    elsewhere.post("actor-tasks", {"actId": "apify/scenario", "name": "watched", "input": {"items": 1}})
    before = elsewhere.start()
    stage.lab.client.wait_for_dag(DAG_ID)
    stage.lab.client.unpause(DAG_ID)
    looks = stage.apify.ledger().requests.get(LIST, 0)
    wait_until(lambda: stage.apify.ledger().requests.get(LIST, 0) >= looks + 4, "the watcher to look", timeout=300)

    long, *runs = (elsewhere.start(durationSecs=seconds) for seconds in (600, 0, 2, 5))
    wait_until(lambda: set(told(stage)) >= set(runs), "three runs to be told", timeout=300)

    stage.lab.stop_component("triggerer", gracefully=False)
    runs += [elsewhere.start(), elsewhere.start()]
    elsewhere.post(f"actor-runs/{long}/abort")
    stage.lab.start_component("triggerer")
    wait_until(lambda: set(told(stage)) >= {*runs, long}, "what was missed to be told", timeout=300)
    runs.append(elsewhere.start())
    wait_until(lambda: set(told(stage)) >= {*runs, long}, "the last run to be told", timeout=300)
    assert sorted(told(stage)) == sorted([*runs, long])
    assert before not in told(stage)
