"""What is wrong before anything is sent fails a task at once: there is no run to look for."""

from __future__ import annotations

import json

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_apify.operators.run_actor import RunActorOperator
from airflow_provider_apify.sensors.run import ApifyRunSensor
from local_apify import LocalApify
from tests.dag_runs import DagRunner


@pytest.mark.parametrize("deferrable", [False, True])
def test_a_proxy_that_cannot_be_used_fails_a_task_for_good(
    apify: LocalApify, deferrable: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    sensor = ApifyRunSensor(task_id="task", actor_id="apify/scenario", started_after="any", deferrable=deferrable)
    monkeypatch.setenv("HTTP_PROXY", "http://proxy:port")
    with pytest.raises(AirflowFailException, match="ApifyAddressError: HTTP_PROXY of the environment cannot be used"):
        sensor.execute({})
    assert apify.control.ledger().requests == {}


@pytest.mark.parametrize("operator", [RunActorOperator, ApifyRunSensor])
def test_a_host_that_is_no_address_fails_a_task_for_good(
    airflow: DagRunner, operator: type[RunActorOperator | ApifyRunSensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = {"conn_type": "apify", "password": "apify_api_of_nobody", "host": "http://127.0.0.1:80a"}
    monkeypatch.setenv("AIRFLOW_CONN_APIFY_DEFAULT", json.dumps(connection))
    outcome = airflow.run_task(operator(task_id="task", actor_id="apify/scenario", retries=3))

    assert outcome.task_state() == "failed"
    assert isinstance(outcome.error, AirflowFailException)
    assert "ApifyAddressError: The address in the host of Airflow connection 'apify_default'" in str(outcome.error)
