"""What ``soft_fail`` skips, and what it does not: the same in all sensors and in all ways to wait."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    BaseSensorOperator,
)

from airflow_provider_apify._airflow.compat import deferral_errors
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.sensors.capacity import ApifyCapacitySensor
from airflow_provider_apify.sensors.dataset import ApifyDatasetSensor
from airflow_provider_apify.sensors.run import ApifyRunSensor
from local_apify import LocalApify
from tests.dag_runs import AIRFLOW_VERSION, DagRunner

MISTAKES: list[tuple[type[BaseSensorOperator], dict[str, Any], str]] = [
    (ApifyRunSensor, {"run_id": "{{ params.nothing }}"}, "All are empty"),
    (ApifyRunSensor, {"run_id": "mistyped"}, "ApifyNotFoundError"),
    (ApifyRunSensor, {"actor_id": "apify/mistyped"}, "ApifyNotFoundError"),
    (ApifyDatasetSensor, {"dataset_id": "mistyped"}, "ApifyNotFoundError"),
    (ApifyDatasetSensor, {"dataset_id": "{{ params.nothing }}"}, "All are empty"),
    (ApifyDatasetSensor, {"run_id": "{{ params.nothing }}"}, "All are empty"),
    (ApifyCapacitySensor, {"min_run_slots": "{{ params.mistyped }}"}, "min_run_slots must be a whole number"),
]
WATCHES: list[tuple[type[BaseSensorOperator], dict[str, Any]]] = [
    (ApifyRunSensor, {"run_id": "{{ params.run_id }}"}),
    (ApifyRunSensor, {"actor_id": "apify/scenario"}),
    (ApifyDatasetSensor, {"run_id": "{{ params.run_id }}"}),
    (ApifyCapacitySensor, {"min_run_slots": 20}),
]
in_every_mode = pytest.mark.parametrize("mode", [{}, {"deferrable": True}], ids=["poke", "deferrable"])
of_every_sensor = pytest.mark.parametrize(
    ("sensor", "arguments"), WATCHES, ids=["run", "newest", "dataset", "capacity"]
)


def make(sensor: Callable[..., BaseSensorOperator], **arguments: Any) -> BaseSensorOperator:
    """Make a sensor that may skip."""
    defaults: dict[str, Any] = {"task_id": "task", "deferrable": False, "poke_interval": 0.1, "soft_fail": True}
    return sensor(**(defaults | arguments))


@pytest.fixture
def run_id(apify: LocalApify) -> str:
    """Return the ID of a run that takes the only slot of the account."""
    apify.control.settings(max_concurrent_runs=20)
    return ApifyHook().start_run("apify/scenario", {"durationSecs": 600}).id


@in_every_mode
@pytest.mark.parametrize(("sensor", "arguments", "words"), MISTAKES)
def test_a_mistake_fails_a_sensor_that_may_skip(
    airflow: DagRunner,
    *,
    mode: dict[str, Any],
    sensor: type[BaseSensorOperator],
    arguments: dict[str, Any],
    words: str,
) -> None:
    outcome = airflow.run_task(make(sensor, retries=3, **arguments, **mode), params={"nothing": "", "mistyped": "many"})

    assert outcome.task_state() == "failed"
    assert isinstance(outcome.error, AirflowFailException)
    assert words in str(outcome.error)


@in_every_mode
@of_every_sensor
def test_a_wrong_token_fails_a_sensor_that_may_skip(
    apify: LocalApify,
    airflow: DagRunner,
    *,
    monkeypatch: pytest.MonkeyPatch,
    mode: dict[str, Any],
    sensor: type[BaseSensorOperator],
    arguments: dict[str, Any],
) -> None:
    connection = {"conn_type": "apify", "host": apify.base_url, "password": "apify_api_of_nobody"}
    monkeypatch.setenv("AIRFLOW_CONN_APIFY_DEFAULT", json.dumps(connection))
    outcome = airflow.run_task(make(sensor, retries=3, **arguments, **mode), params={"run_id": "abc"})

    assert outcome.task_state() == "failed"
    assert "ApifyAuthError" in str(outcome.error)


@in_every_mode
@of_every_sensor
def test_a_token_that_is_withdrawn_meanwhile_fails_a_sensor_that_may_skip(
    apify: LocalApify,
    airflow: DagRunner,
    *,
    run_id: str,
    mode: dict[str, Any],
    sensor: type[BaseSensorOperator],
    arguments: dict[str, Any],
) -> None:
    refusal = {"status": 401, "error_type": "user-or-token-not-found"}
    apify.control.add_fault("answer", method="GET", path="/v2/*", times=None, skip=1, **refusal)
    outcome = airflow.run_task(make(sensor, **arguments, **mode), params={"run_id": run_id})

    assert outcome.task_state() == "failed"
    assert "HTTP 401 user-or-token-not-found" in outcome.log


@of_every_sensor
@pytest.mark.parametrize("is_timeout", [True, False], ids=["timeout", "failure"])
def test_of_a_deferred_sensor_only_a_timeout_may_skip(
    sensor: type[BaseSensorOperator], arguments: dict[str, Any], is_timeout: bool
) -> None:
    """Airflow resumes it so where its trigger has failed, or has waited too long."""
    words = (
        ("Trigger/execution timeout" if AIRFLOW_VERSION.startswith("2.") else "Trigger timeout") if is_timeout else ""
    )
    resume = make(sensor, **arguments, deferrable=True).resume_execution
    with pytest.raises(AirflowSkipException if is_timeout else deferral_errors()[0]):
        resume("__fail__", {"error": words or "Trigger failure", "traceback": None}, {})


@of_every_sensor
def test_without_soft_fail_a_timeout_fails(sensor: type[BaseSensorOperator], arguments: dict[str, Any]) -> None:
    words = "Trigger/execution timeout" if AIRFLOW_VERSION.startswith("2.") else "Trigger timeout"
    resume = make(sensor, **arguments, deferrable=True, soft_fail=False).resume_execution
    with pytest.raises((AirflowSensorTimeout, *deferral_errors())):
        resume("__fail__", {"error": words, "traceback": None}, {})


@in_every_mode
@of_every_sensor
def test_never_fail_skips_whatever_happens(
    airflow: DagRunner, mode: dict[str, Any], sensor: type[BaseSensorOperator], arguments: dict[str, Any]
) -> None:
    arguments = {name: "mistyped" if name.endswith("_id") else value for name, value in arguments.items()}
    arguments["apify_conn_id"] = "no_such_connection"
    outcome = airflow.run_task(make(sensor, soft_fail=False, never_fail=True, **arguments, **mode))

    assert outcome.task_state() == "skipped"


@pytest.mark.parametrize(("sensor", "arguments", "words"), MISTAKES[1:4:2])
def test_silent_fail_hides_no_mistake(
    airflow: DagRunner, sensor: type[BaseSensorOperator], arguments: dict[str, Any], words: str
) -> None:
    outcome = airflow.run_task(make(sensor, silent_fail=True, **arguments))

    assert outcome.task_state() == "failed"
    assert words in str(outcome.error)
