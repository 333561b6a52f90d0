from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from threading import Thread
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSensorTimeout, TaskDeferred

from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.sensors.capacity import ApifyCapacitySensor
from local_apify import Exchange, LocalApify
from tests.dag_runs import DagRunner
from tests.local_apify.client import limit_usage

LIMITS = "/v2/users/me/limits"
in_every_mode = pytest.mark.parametrize(
    "mode",
    [{"mode": "poke"}, {"mode": "reschedule"}, {"deferrable": True}],
    ids=["poke", "reschedule", "deferrable"],
)


def wait_for_room(**arguments: Any) -> ApifyCapacitySensor:
    """Make the sensor of most tests."""
    defaults: dict[str, Any] = {"task_id": "task", "deferrable": False, "poke_interval": 0.1}
    return ApifyCapacitySensor(**(defaults | arguments))


@pytest.fixture
def going(apify: LocalApify) -> str:
    """Return the ID of a run that takes the account's only slot and a quarter of its memory."""
    apify.control.settings(max_concurrent_runs=1, max_memory_mbytes=1024)
    limit_usage(apify, 5)
    return ApifyHook().start_run("apify/scenario", {"durationSecs": 600}).id


@in_every_mode
@pytest.mark.parametrize("needed", [{}, {"min_run_slots": 0, "min_memory": 1024}], ids=["a slot", "memory"])
def test_the_sensor_waits_until_a_run_has_made_room(
    apify: LocalApify, airflow: DagRunner, going: str, mode: dict[str, Any], needed: dict[str, Any]
) -> None:
    aborts: list[Thread] = []

    def abort_after_the_first_look(exchange: Exchange) -> None:
        if exchange.template == LIMITS and not aborts:
            aborts.append(Thread(target=ApifyHook().abort_run, args=(going,)))
            aborts[0].start()

    apify.on_exchange = abort_after_the_first_look
    outcome = airflow.run_task(wait_for_room(**needed, **mode))
    aborts[0].join()

    assert outcome.state == "success"
    told = outcome.xcom()
    assert (told["memory"], told["run_slots"]) == (1024, 1)
    assert 0 < Decimal(told["budget_usd"]) <= 5


@in_every_mode
@pytest.mark.usefixtures("going")
def test_what_there_is_already_is_not_waited_for(airflow: DagRunner, mode: dict[str, Any]) -> None:
    arguments = {"min_run_slots": 0, "min_memory": "{{ params.memory }}", "min_budget_usd": "{{ params.budget }}"}
    outcome = airflow.run_task(wait_for_room(**arguments, **mode), params={"memory": 512, "budget": 2.5})

    assert outcome.state == "success"
    assert outcome.xcom()["memory"] == 1024 - 256


@pytest.mark.usefixtures("going")
@pytest.mark.parametrize(("soft_fail", "state"), [(False, "failed"), (True, "skipped")])
def test_a_budget_that_is_used_up_ends_the_wait_at_its_timeout(
    apify: LocalApify, airflow: DagRunner, soft_fail: bool, state: str
) -> None:
    ApifyHook().wait_for_run(ApifyHook().abort_run(apify.control.ledger().runs[0].run_id).id)
    ApifyHook().wait_for_run(ApifyHook().start_run("apify/scenario", {"chargedEvents": {"page": 400}}).id, settle=0.3)
    outcome = airflow.run_task(wait_for_room(min_budget_usd=2, soft_fail=soft_fail, timeout=0.3))

    assert outcome.task_state() == state
    assert soft_fail or isinstance(outcome.error, AirflowSensorTimeout)


@pytest.mark.usefixtures("going")
@in_every_mode
@pytest.mark.parametrize("needed", [{"min_memory": 2048}, {"min_run_slots": 2}, {"min_budget_usd": 6}], ids=str)
@pytest.mark.parametrize(("soft_fail", "state"), [(False, "failed"), (True, "skipped")])
def test_room_that_the_account_never_has_is_not_waited_for(
    airflow: DagRunner, mode: dict[str, Any], needed: dict[str, Any], soft_fail: bool, state: str
) -> None:
    outcome = airflow.run_task(wait_for_room(retries=3, soft_fail=soft_fail, **needed, **mode))

    assert outcome.task_state() == state
    if not soft_fail:
        assert isinstance(outcome.error, AirflowFailException)
        assert "its limits are 1,024 MB of memory, 1 run slots, 5 US dollars of budget" in str(outcome.error)


@pytest.mark.usefixtures("going")
def test_a_deferred_sensor_has_airflow_watch_its_timeout() -> None:
    with pytest.raises(TaskDeferred) as deferred:
        wait_for_room(deferrable=True, timeout=90).execute({})

    assert deferred.value.timeout == timedelta(seconds=90)


@in_every_mode
def test_a_token_that_may_not_see_the_limits_fails_the_sensor_for_good(
    apify: LocalApify, airflow: DagRunner, mode: dict[str, Any]
) -> None:
    apify.control.add_fault("answer", path=LIMITS, status=403, error_type="insufficient-permissions", times=None)
    outcome = airflow.run_task(wait_for_room(retries=3, **mode))

    assert isinstance(outcome.error, AirflowFailException)
    assert "insufficient-permissions" in str(outcome.error)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"min_run_slots": 0}, "Give what to wait for: min_run_slots, min_memory or min_budget_usd"),
        ({"min_run_slots": -1}, "min_run_slots must be a whole number, at least 0"),
        ({"min_memory": "much"}, "min_memory must be a whole number"),
        ({"min_budget_usd": 0}, "min_budget_usd must be US dollars above 0"),
    ],
)
def test_wrong_arguments_are_refused_when_the_dag_is_parsed(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        wait_for_room(**arguments)


def test_templates_that_ask_for_nothing_are_no_room_to_wait_for(airflow: DagRunner) -> None:
    sensor = wait_for_room(min_run_slots="{{ params.slots }}", min_memory="{{ params.memory }}")
    outcome = airflow.run_task(sensor, params={"slots": 0, "memory": ""})

    assert isinstance(outcome.error, AirflowFailException)
    assert "Give what to wait for" in str(outcome.error)
