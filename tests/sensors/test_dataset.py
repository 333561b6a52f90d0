from __future__ import annotations

from datetime import UTC, datetime, timedelta
from threading import Thread
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowFailException, AirflowSensorTimeout, TaskDeferred

from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.sensors.dataset import ApifyDatasetSensor
from local_apify import Exchange, LocalApify
from tests.dag_runs import DagRunner

COUNT = "/v2/datasets/{datasetId}"
in_every_mode = pytest.mark.parametrize(
    "mode",
    [{"mode": "poke"}, {"mode": "reschedule"}, {"deferrable": True}],
    ids=["poke", "reschedule", "deferrable"],
)


def watch(**arguments: Any) -> ApifyDatasetSensor:
    """Make the sensor of most tests."""
    defaults: dict[str, Any] = {"task_id": "task", "deferrable": False, "poke_interval": 0.1}
    return ApifyDatasetSensor(**(defaults | arguments))


@pytest.fixture
def hook(apify: LocalApify) -> ApifyHook:  # noqa: ARG001 - where it leads
    return ApifyHook()


@in_every_mode
def test_the_sensor_waits_until_a_dataset_has_enough_items(
    apify: LocalApify, airflow: DagRunner, hook: ApifyHook, mode: dict[str, Any]
) -> None:
    dataset_id = hook.create_dataset("prices").id
    hook.push_items(dataset_id, [{"id": 1}])
    writers: list[Thread] = []

    def push_after_the_first_look(exchange: Exchange) -> None:
        if exchange.template == COUNT and not writers:
            writers.append(Thread(target=ApifyHook().push_items, args=(dataset_id, [{"id": 2}, {"id": 3}])))
            writers[0].start()

    apify.on_exchange = push_after_the_first_look
    outcome = airflow.run_task(
        watch(dataset_id=dataset_id, min_items="{{ params.enough }}", **mode), params={"enough": 3}
    )
    writers[0].join()

    assert outcome.state == "success"
    assert outcome.xcom() == {"dataset_id": dataset_id, "item_count": 3}


@in_every_mode
def test_the_dataset_of_a_run_is_enough_while_the_run_goes_on(
    apify: LocalApify, airflow: DagRunner, hook: ApifyHook, mode: dict[str, Any]
) -> None:
    run = hook.start_run("apify/scenario", {"durationSecs": 600})
    hook.push_items(run.dataset_id or "", [{"id": 1}])
    outcome = airflow.run_task(watch(run_id=run.id, **mode))

    assert outcome.state == "success"
    assert outcome.xcom()["dataset_id"] == run.dataset_id
    assert (outcome.xcom()["item_count"], outcome.xcom()["run_id"]) == (1, run.id)
    assert apify.control.ledger().runs[0].is_going


@in_every_mode
@pytest.mark.parametrize(("soft_fail", "state"), [(False, "failed"), (True, "skipped")])
def test_a_run_that_ends_with_fewer_items_ends_the_wait(
    airflow: DagRunner, hook: ApifyHook, mode: dict[str, Any], soft_fail: bool, state: str
) -> None:
    run = hook.start_run("apify/scenario", {"durationSecs": 0.5, "items": 2})
    outcome = airflow.run_task(watch(run_id=run.id, min_items=3, soft_fail=soft_fail, retries=3, **mode))

    assert outcome.task_state() == state
    if not soft_fail:
        assert isinstance(outcome.error, AirflowFailException)
        assert f"Run {run.id} is SUCCEEDED, and its dataset {run.dataset_id} has 2 items" in str(outcome.error)


@pytest.mark.parametrize("mode", ["poke", "reschedule"])
@pytest.mark.parametrize(("soft_fail", "state"), [(False, "failed"), (True, "skipped")])
def test_a_sensor_that_has_waited_too_long_fails_or_skips(
    airflow: DagRunner, hook: ApifyHook, mode: str, soft_fail: bool, state: str
) -> None:
    dataset_id = hook.create_dataset("prices").id
    outcome = airflow.run_task(watch(dataset_id=dataset_id, mode=mode, soft_fail=soft_fail, timeout=0.3))

    assert outcome.task_state() == state
    assert soft_fail or isinstance(outcome.error, AirflowSensorTimeout)


def test_a_deferred_sensor_has_airflow_watch_its_timeout(hook: ApifyHook) -> None:
    dataset_id = hook.create_dataset("prices").id
    with pytest.raises(TaskDeferred) as deferred:
        watch(dataset_id=dataset_id, deferrable=True, timeout=90).execute({})

    assert deferred.value.timeout == timedelta(seconds=90)


@pytest.mark.parametrize("given", [{"dataset_id": "nothing"}, {"run_id": "nothing"}])
@in_every_mode
def test_what_nobody_knows_fails_the_sensor_for_good(
    airflow: DagRunner, mode: dict[str, Any], given: dict[str, str]
) -> None:
    outcome = airflow.run_task(watch(retries=3, **given, **mode))

    assert isinstance(outcome.error, AirflowFailException)
    assert "Check the ID" in str(outcome.error)


def test_the_defaults_of_a_dag_reach_the_sensor() -> None:
    with DAG("d", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC), default_args={"deferrable": True}):
        sensor = ApifyDatasetSensor(task_id="task", dataset_id="a")
    assert sensor.deferrable


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "Give exactly one of dataset_id and run_id"),
        ({"dataset_id": "a", "run_id": "b"}, "Give exactly one of dataset_id and run_id"),
        ({"dataset_id": "a", "min_items": True}, "min_items must be a whole number, at least 1, not True"),
        ({"run_id": "a b"}, "'a b' is no run ID"),
        ({"dataset_id": "a", "min_items": 0}, "min_items must be a whole number, at least 1, not 0"),
        ({"dataset_id": "a", "min_items": "many"}, "min_items must be a whole number, at least 1, not 'many'"),
    ],
)
def test_wrong_arguments_are_refused_when_the_dag_is_parsed(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        watch(**arguments)


def test_a_template_that_finds_nothing_is_told(airflow: DagRunner) -> None:
    outcome = airflow.run_task(watch(run_id="{{ params.nothing }}"), params={"nothing": ""})

    assert isinstance(outcome.error, AirflowFailException)
    assert "Give exactly one of dataset_id and run_id" in str(outcome.error)
    assert "All are empty" in str(outcome.error)
