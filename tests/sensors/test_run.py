from __future__ import annotations

from datetime import timedelta
from threading import Thread
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSensorTimeout, TaskDeferred

from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.options import Target
from airflow_provider_apify.sensors.run import ApifyRunSensor
from local_apify import Exchange, LocalApify
from tests.dag_runs import DagRunner

SCENARIO = Target("actor", "apify/scenario")
in_every_mode = pytest.mark.parametrize(
    "mode",
    [{"mode": "poke"}, {"mode": "reschedule"}, {"deferrable": True}],
    ids=["poke", "reschedule", "deferrable"],
)


def start(target: Target = SCENARIO, /, **run_input: Any) -> str:
    """Start a run as somebody else would, and return its ID."""
    return ApifyHook().start_run(target, run_input).id


def watch(**arguments: Any) -> ApifyRunSensor:
    """Make the sensor of most tests."""
    defaults: dict[str, Any] = {"task_id": "task", "deferrable": False, "poke_interval": 0.1}
    return ApifyRunSensor(**(defaults | arguments))


@in_every_mode
def test_the_sensor_waits_for_a_run_and_returns_it(airflow: DagRunner, mode: dict[str, Any]) -> None:
    run_id = start(durationSecs=0.5, items=2, exitMessage="All there.")
    outcome = airflow.run_task(watch(run_id=run_id, **mode))

    assert outcome.state == "success"
    assert outcome.xcom()["run_id"] == run_id
    assert outcome.xcom()["status"] == "SUCCEEDED"
    assert ApifyHook().get_dataset(outcome.xcom()["dataset_id"]).item_count == 2


@in_every_mode
def test_a_run_that_ended_badly_fails_the_sensor_for_good(airflow: DagRunner, mode: dict[str, Any]) -> None:
    run_id = start(endAs="FAILED", exitMessage="The site asked for a login.")
    outcome = airflow.run_task(watch(run_id=run_id, retries=3, **mode))

    assert outcome.task_state() == "failed"
    assert isinstance(outcome.error, AirflowFailException)
    assert "ApifyRunFailed" in str(outcome.error)
    assert "The site asked for a login." in str(outcome.error)


@in_every_mode
def test_soft_fail_skips_where_the_run_ended_badly(airflow: DagRunner, mode: dict[str, Any]) -> None:
    outcome = airflow.run_task(watch(run_id=start(endAs="ABORTED"), soft_fail=True, **mode))

    assert outcome.task_state() == "skipped"


@in_every_mode
@pytest.mark.parametrize("kind", ["actor", "task"])
def test_any_takes_the_newest_run_of_an_actor_or_task(
    apify: LocalApify, airflow: DagRunner, mode: dict[str, Any], kind: str
) -> None:
    apify.add_task("nightly", SCENARIO.id)
    target = SCENARIO if kind == "actor" else Target("task", "local/nightly")
    start(target)
    newest = start(target, durationSecs=0.3)
    argument = {"actor": "actor_id", "task": "actor_task_id"}[kind]
    outcome = airflow.run_task(watch(**{argument: target.id}, started_after="any", **mode))

    assert outcome.xcom()["run_id"] == newest


@in_every_mode
def test_the_newest_run_in_a_status_and_of_an_origin_is_watched(airflow: DagRunner, mode: dict[str, Any]) -> None:
    good = start()
    ApifyHook().wait_for_run(good)
    bad = start(endAs="FAILED")
    ApifyHook().wait_for_run(bad)
    outcome = airflow.run_task(
        watch(actor_id=SCENARIO.id, status="SUCCEEDED", origin="API", started_after="any", **mode)
    )

    assert outcome.xcom()["run_id"] == good


@in_every_mode
def test_the_sensor_waits_for_a_run_that_does_not_exist_yet(
    apify: LocalApify, airflow: DagRunner, mode: dict[str, Any]
) -> None:
    starters: list[Thread] = []

    def start_after_the_first_look(exchange: Exchange) -> None:
        if exchange.path.endswith("/runs") and exchange.method == "GET" and not starters:
            starters.append(Thread(target=start))
            starters[0].start()

    apify.on_exchange = start_after_the_first_look
    outcome = airflow.run_task(watch(actor_id=SCENARIO.id, **mode))
    starters[0].join()

    assert outcome.state == "success"
    assert outcome.xcom()["run_id"] == apify.control.ledger().runs[0].run_id


@pytest.mark.parametrize("mode", ["poke", "reschedule"])
@pytest.mark.parametrize(("soft_fail", "state"), [(False, "failed"), (True, "skipped")])
def test_a_sensor_that_has_waited_too_long_leaves_the_run_alone(
    apify: LocalApify, airflow: DagRunner, mode: str, soft_fail: bool, state: str
) -> None:
    run_id = start(durationSecs=600)
    outcome = airflow.run_task(watch(run_id=run_id, mode=mode, soft_fail=soft_fail, timeout=0.3))

    (run,) = apify.control.ledger().runs
    assert outcome.task_state() == state
    assert soft_fail or isinstance(outcome.error, AirflowSensorTimeout)
    assert run.is_going
    assert not run.aborted_by_request


@pytest.mark.usefixtures("apify")
def test_a_deferred_sensor_has_airflow_watch_its_timeout() -> None:
    with pytest.raises(TaskDeferred) as deferred:
        watch(run_id=start(durationSecs=60), deferrable=True, timeout=90).execute({})

    assert deferred.value.timeout == timedelta(seconds=90)


def test_status_messages_of_the_actor_show_in_the_log(airflow: DagRunner) -> None:
    outcome = airflow.run_task(watch(run_id=start(exitMessage="All there.")))

    assert "is SUCCEEDED: All there." in outcome.log


def test_a_killed_sensor_leaves_the_run_alone(apify: LocalApify) -> None:
    run_id = start(durationSecs=600)
    sensor = watch(run_id=run_id)
    sensor.poke({})
    sensor.on_kill()

    assert apify.control.ledger().runs[0].is_going


@pytest.mark.parametrize("mode", ["poke", "reschedule"])
def test_a_run_id_that_nobody_knows_fails_the_sensor_for_good(airflow: DagRunner, mode: str) -> None:
    outcome = airflow.run_task(watch(run_id="noSuchRun", mode=mode, retries=3))

    assert isinstance(outcome.error, AirflowFailException)
    assert "Check the ID" in str(outcome.error)


@pytest.mark.parametrize("deferrable", [False, True], ids=["poke", "deferrable"])
@pytest.mark.parametrize("argument", ["actor_id", "actor_task_id"])
def test_a_target_that_does_not_exist_fails_the_sensor_at_the_first_look(
    apify: LocalApify, argument: str, deferrable: bool
) -> None:
    sensor = watch(**{argument: "local/mistyped"}, started_after="any", deferrable=deferrable)
    with pytest.raises(AirflowFailException, match=r"ApifyNotFoundError.*local~mistyped.*Check the ID"):
        sensor.execute({})
    assert sum(apify.control.ledger().requests.values()) == 2


def test_a_target_that_the_token_may_not_read_is_waited_for_all_the_same(apify: LocalApify) -> None:
    apify.control.add_fault(
        "answer", path="/v2/actors/apify~scenario", times=None, status=403, error_type="insufficient-permissions"
    )
    assert not watch(actor_id=SCENARIO.id, started_after="any").poke({}).is_done


def test_the_run_may_come_from_the_configuration_of_the_dag_run(airflow: DagRunner) -> None:
    run_id = start()
    outcome = airflow.run_task(watch(run_id="{{ dag_run.conf['run_id'] }}"), conf={"run_id": run_id})

    assert outcome.xcom()["run_id"] == run_id


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "Give exactly one of run_id .* actor_id and actor_task_id"),
        ({"run_id": "abc", "actor_id": "me/actor"}, "Give exactly one of run_id"),
        ({"run_id": "abc", "status": "SUCCEEDED"}, "status and origin choose among the runs"),
        ({"actor_id": "me/actor", "status": "DONE"}, "status must be one of .*SUCCEEDED.*, not 'DONE'"),
        ({"actor_id": "me/actor", "origin": "CRON"}, "origin must be one of .*SCHEDULER.*, not 'CRON'"),
        ({"actor_id": "me/my actor"}, "is no Actor ID"),
        ({"actor_task_id": "../me"}, "is no Actor task ID"),
    ],
)
def test_wrong_arguments_are_refused_when_the_dag_is_parsed(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        watch(**arguments)
