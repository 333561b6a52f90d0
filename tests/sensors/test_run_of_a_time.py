"""Which run the sensor takes that waits for one of Apify's scheduler, in each kind of DAG run."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from threading import Thread
from time import sleep
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    TaskDeferred,
)

from airflow_provider_apify._airflow.compat import deferral_errors
from airflow_provider_apify._airflow.due import due_of
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.options import Target
from airflow_provider_apify.sensors.run import ApifyRunSensor
from local_apify import Exchange, LocalApify
from tests.dag_runs import AIRFLOW_VERSION, DagRunner

ACTOR, TASK = Target("actor", "apify/scenario"), Target("task", "local/nightly")
ARGUMENTS: dict[str, dict[str, Any]] = {"actor": {"actor_id": ACTOR.id}, "task": {"actor_task_id": TASK.id}}
HOUR = timedelta(hours=1)
in_both_ways = pytest.mark.parametrize("deferrable", [False, True], ids=["poke", "deferrable"])
of_both_kinds = pytest.mark.parametrize("kind", ["actor", "task"])


@pytest.fixture(autouse=True)
def task(apify: LocalApify) -> None:
    apify.add_task("nightly", ACTOR.id)


def night(kind: str = "actor") -> tuple[str, datetime]:
    """Start the run of a night, and return its ID and the time between it and the one before."""
    sleep(0.05)
    due = datetime.now(UTC)
    sleep(0.05)
    run = ApifyHook().start_run({"actor": ACTOR, "task": TASK}[kind])
    ApifyHook().wait_for_run(run.id)
    return run.id, due


def watch(**arguments: Any) -> ApifyRunSensor:
    """Make the sensor of most tests."""
    defaults: dict[str, Any] = {"task_id": "task", "deferrable": False, "poke_interval": 0.1, "timeout": 0.3}
    return ApifyRunSensor(**(defaults | arguments))


def at(due: datetime) -> Any:
    """Return the context of a DAG run that was due then."""
    return {"dag_run": SimpleNamespace(run_after=due), "ti": SimpleNamespace()}


def run_in(context: Any, sensor: ApifyRunSensor) -> Any:
    """Execute a sensor in a worker, and in a triggerer where it defers."""
    try:
        return sensor.execute(context)
    except TaskDeferred as deferred:
        trigger: Any = deferred.trigger
        event = asyncio.run(anext(type(trigger)(**trigger.serialize()[1]).run()))
        return sensor.execute_complete(context, event.payload)


@in_both_ways
@of_both_kinds
def test_a_dag_at_midnight_takes_the_run_of_two_o_clock_and_not_yesterday_s(kind: str, deferrable: bool) -> None:
    night(kind)
    tonight, midnight = night(kind)

    assert run_in(at(midnight), watch(deferrable=deferrable, **ARGUMENTS[kind]))["run_id"] == tonight


@in_both_ways
def test_a_dag_at_midnight_waits_for_the_run_of_two_o_clock(
    apify: LocalApify, airflow: DagRunner, deferrable: bool
) -> None:
    """The DAG run is one by hand, which is due when it is made."""
    yesterday, _ = night()
    starters: list[Thread] = []

    def start_after_the_first_look(exchange: Exchange) -> None:
        if exchange.path.endswith("/runs") and exchange.method == "GET" and not starters:
            starters.append(Thread(target=night))
            starters[0].start()

    apify.on_exchange = start_after_the_first_look
    outcome = airflow.run_task(watch(deferrable=deferrable, timeout=60, **ARGUMENTS["actor"]))
    starters[0].join()

    assert outcome.xcom()["run_id"] == apify.control.ledger().runs[-1].run_id != yesterday
    assert f"Run {yesterday} started" in outcome.log
    assert "write started_after=timedelta(hours=-1)" in outcome.log
    assert "(origin API)" in outcome.log


@of_both_kinds
def test_a_dag_at_three_says_what_to_write_to_take_the_run_of_two_o_clock(kind: str) -> None:
    run_id, _ = night(kind)
    three = datetime.now(UTC) + HOUR
    with pytest.raises(AirflowSensorTimeout, match=rf"Run {run_id} .* write started_after=timedelta\(hours=-2\)"):
        run_in(at(three), watch(**ARGUMENTS[kind]))


@in_both_ways
@of_both_kinds
def test_a_dag_at_three_takes_the_run_of_two_o_clock_when_told(kind: str, deferrable: bool) -> None:
    run_id, _ = night(kind)
    three = datetime.now(UTC) + HOUR
    sensor = watch(started_after=timedelta(hours=-2), deferrable=deferrable, **ARGUMENTS[kind])

    assert run_in(at(three), sensor)["run_id"] == run_id


@in_both_ways
@of_both_kinds
def test_a_cleared_old_day_a_backfill_and_each_of_two_dag_runs_of_a_day_take_their_own_run(
    kind: str, deferrable: bool
) -> None:
    nights = [night(kind) for _ in range(3)]

    taken = [run_in(at(due), watch(deferrable=deferrable, **ARGUMENTS[kind]))["run_id"] for _, due in nights]

    assert taken == [run_id for run_id, _ in nights]


def test_a_later_try_watches_the_run_of_the_first() -> None:
    run_id, due = night()
    sensor = watch(**ARGUMENTS["actor"])
    first = run_in(at(due), sensor)["run_id"]
    night()

    assert run_in(at(due), sensor)["run_id"] == first == run_id


@of_both_kinds
@pytest.mark.parametrize(("soft_fail", "error"), [(False, AirflowFailException), (True, AirflowSkipException)])
@in_both_ways
def test_an_old_day_without_a_run_does_not_take_that_of_the_next(
    kind: str, soft_fail: bool, error: type[Exception], deferrable: bool
) -> None:
    due = datetime.now(UTC) - 48 * HOUR
    night(kind)
    sensor = watch(started_before=24 * HOUR, deferrable=deferrable, soft_fail=soft_fail, **ARGUMENTS[kind])
    with pytest.raises(error):
        run_in(at(due), sensor)


async def test_a_deferred_sensor_does_not_wait_past_the_end_of_its_time() -> None:
    due = datetime.now(UTC) - 48 * HOUR
    sensor = watch(started_before=24 * HOUR, **ARGUMENTS["actor"])
    event = await anext(sensor._trigger(at(due)).run())

    assert event.payload == {"run": None}
    with pytest.raises(AirflowFailException, match=r"No run of Actor apify/scenario has started between .* and"):
        sensor.execute_complete(at(due), event.payload)


def test_the_newest_run_before_a_time_is_taken_however_old() -> None:
    night()
    wanted, _ = night()
    _, due = night()

    sensor = watch(started_after="any", started_before=due, **ARGUMENTS["actor"])

    assert run_in(at(due + HOUR), sensor)["run_id"] == wanted


def test_only_runs_of_the_origin_and_status_count() -> None:
    _, due = night()
    with pytest.raises(AirflowSensorTimeout):
        run_in(at(due), watch(origin="SCHEDULER", **ARGUMENTS["actor"]))
    with pytest.raises(AirflowSensorTimeout):
        run_in(at(due), watch(status="FAILED", **ARGUMENTS["actor"]))


def test_the_times_may_be_templates(airflow: DagRunner) -> None:
    first, due = night()
    night()
    times = {"started_after": "{{ params.after }}", "started_before": "{{ params.before }}"}
    sensor = watch(**times, **ARGUMENTS["actor"])
    outcome = airflow.run_task(sensor, params={"after": str(due), "before": (due + HOUR).isoformat()})

    assert outcome.xcom()["run_id"] == first


@pytest.mark.parametrize("rendered", ["yesterday", "2026-01-31"])
def test_a_template_that_gives_no_time_fails_for_good(airflow: DagRunner, rendered: str) -> None:
    sensor = watch(started_after="{{ params.after }}", soft_fail=True, **ARGUMENTS["actor"])
    outcome = airflow.run_task(sensor, params={"after": rendered})

    assert isinstance(outcome.error, AirflowFailException)
    assert "started_after" in str(outcome.error)


@pytest.mark.parametrize("deferrable", [False, True])
@of_both_kinds
def test_a_mistyped_target_fails_at_once(kind: str, deferrable: bool) -> None:
    argument = next(iter(ARGUMENTS[kind]))
    with pytest.raises(AirflowFailException, match=r"ApifyNotFoundError.*Check the ID"):
        run_in(at(datetime.now(UTC)), watch(**{argument: "local/mistyped"}, deferrable=deferrable))


INTERVAL_END, LOGICAL = datetime(2026, 1, 2, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)


def kinds_of_dag_runs() -> Iterator[tuple[Any, datetime]]:
    """Yield DAG runs as each Airflow has them, and when each was due."""
    yield SimpleNamespace(run_after=INTERVAL_END, run_type="manual", logical_date=None), INTERVAL_END
    for run_type, due in (("scheduled", INTERVAL_END), ("backfill", INTERVAL_END), ("manual", LOGICAL)):
        yield SimpleNamespace(run_type=run_type, data_interval_end=INTERVAL_END, logical_date=LOGICAL), due


@pytest.mark.parametrize(("dag_run", "due"), list(kinds_of_dag_runs()))
def test_a_dag_run_is_due_when_its_schedule_says(dag_run: Any, due: datetime) -> None:
    context: Any = {"dag_run": dag_run}
    assert due_of(context) == due


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"run_id": "abc", "started_after": HOUR}, "run_id needs none"),
        ({"run_id": "abc", "started_before": HOUR}, "run_id needs none"),
        ({"actor_id": "me/actor", "started_after": "today"}, "started_after must be a time, .* not 'today'"),
        ({"actor_id": "me/actor", "started_after": ""}, "started_after is empty"),
        ({"actor_id": "me/actor", "started_after": None}, "started_after must be a time, .* not None"),
        ({"actor_id": "me/actor", "started_after": "2026-01-31T02:00"}, "must have a time zone"),
        ({"actor_id": "me/actor", "started_before": -HOUR}, "started_before must be later than started_after"),
    ],
)
def test_wrong_times_are_refused_when_the_dag_is_parsed(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        watch(**arguments)


def test_a_run_after_the_dag_run_was_due_may_be_too_old_as_well() -> None:
    due = datetime.now(UTC) - 5 * HOUR
    run_id, _ = night()
    with pytest.raises(AirflowSensorTimeout, match=rf"Run {run_id} .* write started_after=timedelta\(hours=5\)"):
        run_in(at(due), watch(started_after=10 * HOUR, **ARGUMENTS["actor"]))


def test_a_timeout_stays_one_where_nobody_can_tell_which_run_is_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_APIFY_DEFAULT")
    words = "Trigger/execution timeout" if AIRFLOW_VERSION.startswith("2.") else "Trigger timeout"
    sensor = watch(deferrable=True, **ARGUMENTS["actor"])
    with pytest.raises((AirflowSensorTimeout, *deferral_errors()), match=words):
        sensor.resume_execution("__fail__", {"error": words, "traceback": None}, at(datetime.now(UTC)))


@pytest.mark.parametrize("arguments", [{"run_id": "goes-on"}, ARGUMENTS["actor"]])
def test_a_timeout_is_not_its_own_cause(arguments: dict[str, Any]) -> None:
    """What writes errors as JSON, with structlog before 25.5, would follow such causes for ever."""
    words = "Trigger/execution timeout" if AIRFLOW_VERSION.startswith("2.") else "Trigger timeout"
    sensor = watch(deferrable=True, **arguments)
    with pytest.raises((AirflowSensorTimeout, *deferral_errors())) as caught:
        sensor.resume_execution("__fail__", {"error": words, "traceback": None}, at(datetime.now(UTC)))
    assert caught.value.__cause__ is not caught.value


def dag_run(due: datetime, **arguments: Any) -> Any:
    """Return the context of a DAG run with a data interval."""
    return {"dag_run": SimpleNamespace(run_after=due, **arguments), "ti": SimpleNamespace()}


@in_both_ways
@pytest.mark.parametrize(
    ("late", "interval", "arguments", "is_warned"),
    [
        (48 * HOUR, None, {}, True),
        (24 * HOUR + timedelta(minutes=1), None, {}, True),
        (25 * HOUR, timedelta(0), {}, True),
        (23 * HOUR, None, {}, False),
        (2 * HOUR, HOUR, {}, True),
        (48 * HOUR, 72 * HOUR, {}, False),
        (23 * HOUR, None, {"started_after": -3 * HOUR}, True),
        (48 * HOUR, None, {"started_before": 72 * HOUR}, False),
        (48 * HOUR, None, {"started_after": "any"}, False),
    ],
)
def test_a_run_that_may_be_of_a_later_dag_run_is_taken_with_a_warning(
    *,
    late: timedelta,
    interval: timedelta | None,
    arguments: dict[str, Any],
    is_warned: bool,
    deferrable: bool,
    logged: Callable[[], str],
) -> None:
    due = datetime.now(UTC) - late
    run_id, _ = night()
    edges = {} if interval is None else {"data_interval_start": due - interval, "data_interval_end": due}
    sensor = watch(deferrable=deferrable, timeout=60, **ARGUMENTS["actor"], **arguments)

    context = dag_run(due, **edges)
    assert run_in(context, sensor)["run_id"] == run_id
    advice = re.search(r"may be of a later DAG run.*write started_before=timedelta\(hours=([\d.]+)\)", logged())
    assert (advice is not None) == is_warned
    if advice:
        before = float(advice[1]) * HOUR
        with pytest.raises(AirflowFailException, match=r"No run of .* has started between"):
            run_in(context, watch(deferrable=deferrable, **ARGUMENTS["actor"], **arguments, started_before=before))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"run_id": "{{ params.nothing }}"}, "Give exactly one of run_id .*All are empty"),
        ({"actor_id": ACTOR.id, "status": "{{ params.wrong }}"}, "status must be one of .* not 'CRON'"),
        ({"actor_id": ACTOR.id, "origin": "{{ params.wrong }}"}, "origin must be one of .* not 'CRON'"),
    ],
)
@in_both_ways
def test_wrong_arguments_are_refused_when_templates_are_rendered(
    airflow: DagRunner, arguments: dict[str, Any], words: str, *, deferrable: bool
) -> None:
    sensor = watch(deferrable=deferrable, retries=3, soft_fail=True, **arguments)
    outcome = airflow.run_task(sensor, params={"nothing": "", "wrong": "CRON"})

    assert outcome.task_state() == "failed"
    assert isinstance(outcome.error, AirflowFailException)
    assert re.search(words, str(outcome.error))
