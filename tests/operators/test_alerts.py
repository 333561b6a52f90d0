"""What a callback finds of a run that failed."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_apify.operators.run_actor import RunActorOperator
from airflow_provider_apify.sensors.run import ApifyRunSensor
from local_apify import LocalApify
from tests.dag_runs import DagRunner

told: list[dict[str, Any]] = []
NAMES = ("run_id", "run_url", "status", "usage_total_usd", "actor")


def tell(context: Any) -> None:
    error = context["exception"]
    told.append({name: getattr(error, name, "nothing") for name in NAMES})


@pytest.fixture(autouse=True)
def _nothing_told() -> None:
    told.clear()


def crawl(**arguments: Any) -> RunActorOperator:
    plan = {"items": 1, "endAs": "FAILED"}
    defaults: dict[str, Any] = {"actor_id": "apify/scenario", "run_input": plan, "on_failure_callback": tell}
    return RunActorOperator(task_id="task", **(defaults | arguments))


@pytest.mark.parametrize("deferrable", [False, True], ids=["on a worker", "in the triggerer"])
def test_a_callback_is_told_of_the_run_and_what_it_cost(
    apify: LocalApify, airflow: DagRunner, *, deferrable: bool
) -> None:
    outcome = airflow.run_task(crawl(deferrable=deferrable))
    (run,) = apify.control.ledger().runs
    (alert,) = told
    assert alert.pop("usage_total_usd") >= 0
    assert alert == {
        "run_id": run.run_id,
        "run_url": f"https://console.apify.com/actors/runs/{run.run_id}",
        "status": "FAILED",
        "actor": "apify/scenario",
    }
    assert f"Run {run.run_id} of apify/scenario is FAILED" in str(outcome.error)


def test_a_saved_task_goes_by_its_name(airflow: DagRunner) -> None:
    accepted = {"run_input": None, "accept_statuses": ("ABORTED",)}  # and it succeeds
    airflow.run_task(crawl(actor_id=None, actor_task_id="local/daily-crawl", deferrable=False, **accepted))
    assert told[0]["actor"] == "local/daily-crawl"


def test_an_error_for_good_tells_as_much(airflow: DagRunner) -> None:
    run = airflow.run_task(crawl(run_input={"endAs": "ABORTED"}, deferrable=False)).xcom(key="run_id")
    told.clear()
    airflow.run_task(ApifyRunSensor(task_id="task", run_id=run, deferrable=False, on_failure_callback=tell))
    assert (told[0]["run_id"], told[0]["status"]) == (run, "ABORTED")


def test_a_run_s_end_is_logged_once(airflow: DagRunner) -> None:
    outcome = airflow.run_task(crawl(run_input={"items": 1}, deferrable=False))
    run = outcome.xcom()["run_id"]
    # What is logged once shows twice where two loggers are read.
    assert outcome.log.count(f"Run {run} is SUCCEEDED") == outcome.log.count(f"Platform usage of run {run}")
