"""What a StatsD server is told of tasks, by Airflow's own sender."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_apify._airflow import metrics
from airflow_provider_apify._airflow.metrics import Count, Duration
from airflow_provider_apify._airflow.watching import HAS_WATCHERS
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.models.runs import FINISHED_STATUSES, STATUSES, ActorRun
from airflow_provider_apify.sensors.run import ApifyRunSensor
from airflow_provider_apify.transfers.key_value_store_to_file import KeyValueStoreToFileOperator
from airflow_provider_apify.triggers.run_finished import ApifyRunFinishedTrigger
from local_apify import LocalApify
from tests.dag_runs import AIRFLOW_VERSION, REMEMBERS, DagRunner, die_at_the_end_of_the_first_attempt
from tests.operators.scenario_task import run_scenario, waiting_both_ways
from tests.statsd import StatsD, switched_on
from tests.transfers.exporting import ITEMS, run_scenario as finished_run, write
from tests.transfers.pushing import push, stored

if TYPE_CHECKING:
    from airflow.triggers.base import TriggerEvent

NOW = timedelta(0)
NEEDS_START_DATE = pytest.mark.skipif(
    AIRFLOW_VERSION.startswith("2."), reason="dag.test() of Airflow 2 does not say when an attempt began"
)


@pytest.fixture
def statsd(monkeypatch: pytest.MonkeyPatch) -> Iterator[StatsD]:
    with StatsD() as server, switched_on(server, monkeypatch):
        yield server


@pytest.fixture
def cents(apify: LocalApify) -> dict[str, Any]:
    """Return the part of a run's input that makes it cost three cents at once."""
    apify.control.settings(cost_settles_seconds=0)
    return {"chargedEvents": {"page": 3}}


def cost_of_the_run(apify: LocalApify) -> int:
    """Return what Apify says that the only run has cost, in millionths of a dollar."""
    (run,) = apify.control.ledger().runs
    return round((ApifyHook().get_run(run.run_id).usage_total_usd or 0) * 1_000_000)


@waiting_both_ways
def test_a_run_that_succeeded_is_counted_with_its_cost_and_times(
    apify: LocalApify, airflow: DagRunner, statsd: StatsD, cents: dict[str, Any], deferrable: bool
) -> None:
    airflow.run_task(run_scenario(deferrable=deferrable, run_input={"durationSecs": 0.3, **cents}))

    assert Counter(statsd.names) == dict.fromkeys(
        (
            *("apify.run.started", "apify.run.finished.succeeded", "apify.run.cost_usd_micros"),
            *("apify.run.duration", "apify.wait.duration.succeeded"),
        ),
        1,
    )
    assert "airflow.apify.run.started:1|c" in statsd.lines
    assert statsd.sum_of("apify.run.cost_usd_micros") == cost_of_the_run(apify) >= 30_000
    assert statsd.sum_of("apify.run.duration") >= 300
    assert statsd.sum_of("apify.wait.duration.succeeded") > 0


@pytest.mark.usefixtures("apify")
def test_the_names_tell_how_a_run_ended(airflow: DagRunner, statsd: StatsD) -> None:
    airflow.run_task(run_scenario(run_input={"endAs": "TIMED-OUT"}))

    assert {"apify.run.finished.timed_out", "apify.wait.duration.timed_out"} < set(statsd.names)


def test_a_retry_that_goes_on_with_a_run_that_was_counted_counts_nothing_twice(
    apify: LocalApify, airflow: DagRunner, statsd: StatsD, cents: dict[str, Any]
) -> None:
    task = run_scenario(run_input=cents, retries=1, retry_delay=NOW, post_execute=die_at_the_end_of_the_first_attempt)
    assert airflow.run_task(task).state == "success"

    told, times = Counter(statsd.names), 1 if REMEMBERS else 2
    assert (told["apify.run.started"], told["apify.run.adopted"]) == (1, 1)
    assert (told["apify.run.finished.succeeded"], told["apify.run.duration"]) == (times, times)
    assert statsd.sum_of("apify.run.cost_usd_micros") == times * cost_of_the_run(apify) > 0


@pytest.mark.skipif(not REMEMBERS, reason="Airflow before 3.3 keeps no note of what was counted")
def test_a_resurrected_run_has_two_ends_and_its_cost_is_counted_once(
    apify: LocalApify, airflow: DagRunner, statsd: StatsD, cents: dict[str, Any]
) -> None:
    plan = {"endAs": ["FAILED", "SUCCEEDED"], **cents}
    airflow.run_task(run_scenario(run_input=plan, retries=1, retry_delay=NOW, on_failed_run="resurrect"))

    told = Counter(name for name in statsd.names if name.startswith("apify.run.finished"))
    assert statsd.sum_of("apify.run.resurrected") == 1
    assert told == {"apify.run.finished.failed": 1, "apify.run.finished.succeeded": 1}
    assert statsd.sum_of("apify.run.cost_usd_micros") == cost_of_the_run(apify) > 0


@pytest.mark.usefixtures("apify")
@waiting_both_ways
def test_a_run_that_is_aborted_at_its_limit_is_counted_as_aborted(
    airflow: DagRunner, statsd: StatsD, deferrable: bool
) -> None:
    task = run_scenario(
        deferrable=deferrable, run_input={"durationSecs": 600}, abort_above_usd=0.00001, poll_interval=0.2
    )
    assert airflow.run_task(task).state == "failed"

    assert statsd.sum_of("apify.run.aborted") == 1
    assert [name for name in statsd.names if name.startswith("apify.wait")] == ["apify.wait.duration.unfinished"]


@pytest.mark.parametrize(
    "mode",
    [
        pytest.param({"poke_interval": 0.1}, id="poking", marks=NEEDS_START_DATE),
        pytest.param({"deferrable": True}, id="deferred"),
    ],
)
def test_a_sensor_tells_how_long_it_has_waited(
    apify: LocalApify, airflow: DagRunner, statsd: StatsD, mode: dict[str, Any]
) -> None:
    run_id = ApifyHook().start_run("apify/scenario", {"durationSecs": 1}).id
    airflow.run_task(ApifyRunSensor(task_id="task", run_id=run_id, **mode))

    assert statsd.names == ["apify.wait.duration.succeeded"]
    assert apify.control.ledger().runs[0].status == "SUCCEEDED"


@pytest.mark.usefixtures("apify")
def test_an_export_tells_its_items_bytes_and_time(airflow: DagRunner, statsd: StatsD, tmp_path: Path) -> None:
    target = tmp_path / "items.jsonl"
    airflow.run_task(write(run_id=finished_run().id, path=str(target)))

    assert f"airflow.apify.export.items:{ITEMS}|c" in statsd.lines
    assert f"airflow.apify.export.bytes:{target.stat().st_size}|c" in statsd.lines
    assert statsd.names.count("apify.export.duration") == 1


@pytest.mark.usefixtures("apify")
def test_an_export_of_records_tells_the_same(airflow: DagRunner, statsd: StatsD, tmp_path: Path) -> None:
    run = finished_run(records={"A": 1, "B": 22})
    target = tmp_path / "{key}"
    airflow.run_task(KeyValueStoreToFileOperator(task_id="task", run_id=run.id, path=str(target)))

    written = list(tmp_path.iterdir())
    assert statsd.sum_of("apify.export.items") == len(written) >= 2
    assert statsd.sum_of("apify.export.bytes") == sum(path.stat().st_size for path in written)


@pytest.mark.usefixtures("apify")
def test_a_push_tells_its_items_and_time(airflow: DagRunner, statsd: StatsD, tmp_path: Path) -> None:
    path = stored(tmp_path, [{"number": number} for number in range(7)])
    airflow.run_task(push(path=path, dataset_name="prices", dataset_id=None))

    assert "airflow.apify.push.items:7|c" in statsd.lines
    assert statsd.names.count("apify.push.duration") == 1


@pytest.mark.skipif(not HAS_WATCHERS, reason="asset watchers came with Airflow 3")
def test_a_watcher_tells_its_looks_those_that_failed_and_the_runs_that_it_has_told(
    apify: LocalApify, statsd: StatsD, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("airflow_provider_apify.triggers._watcher._FIRST_PAUSE", 0.01)
    apify.control.add_fault("answer", path="/v2/actor-runs", status=400, error_type="invalid-value")
    finished = finished_run()
    trigger = ApifyRunFinishedTrigger(poll_interval=0.05)

    async def first_event() -> TriggerEvent:
        return await anext(trigger.run())

    event = asyncio.run(first_event())

    assert [run["run_id"] for run in event.payload["runs"]] == [finished.id]
    assert set(statsd.lines) == {f"airflow.apify.watch.{what}:1|c" for what in ("looks", "failures", "runs")}


@pytest.mark.usefixtures("apify")
def test_tags_name_the_dag_and_the_task_where_the_backend_has_tags(
    airflow: DagRunner, statsd: StatsD, monkeypatch: pytest.MonkeyPatch
) -> None:
    with switched_on(statsd, monkeypatch, statsd_influxdb_enabled="True"):
        outcome = airflow.run_task(run_scenario())

    dag_id = outcome.task_instance().dag_id
    assert f"airflow.apify.run.started,dag_id={dag_id},task_id=task:1|c" in statsd.lines


@pytest.mark.usefixtures("apify")
def test_nothing_is_sent_where_airflow_s_metrics_are_off(
    airflow: DagRunner, statsd: StatsD, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__METRICS__STATSD_ON", "False")
    assert airflow.run_task(run_scenario()).state == "success"

    assert statsd.lines == []


@pytest.mark.usefixtures("apify", "statsd")
def test_metrics_that_cannot_be_sent_fail_no_task(airflow: DagRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("airflow_provider_apify._airflow.metrics.Stats.statsd")
    outcome = airflow.run_task(run_scenario())

    assert outcome.state == "success"
    assert "A metric is lost" in outcome.log


@pytest.mark.parametrize("status", sorted(STATUSES))
def test_each_status_has_a_name(statsd: StatsD, status: str) -> None:
    run = ActorRun.from_api({"id": "r1", "actId": "a1", "status": status, "finishedAt": "2026-01-01T00:00:00.000Z"})
    context: Any = {"ti": SimpleNamespace(dag_id="dag", task_id="task")}
    metrics.count_end(context, run)
    metrics.time_wait(context["ti"], run, 2)

    word = status.lower().replace("-", "_")
    assert statsd.names == (
        [f"apify.run.finished.{word}", f"apify.wait.duration.{word}"]
        if status in FINISHED_STATUSES
        else ["apify.wait.duration.unfinished"]
    )


@pytest.mark.parametrize("name", [*Count, *Duration])
def test_each_name_is_one_that_airflow_sends(statsd: StatsD, name: Count | Duration) -> None:
    if isinstance(name, Count):
        metrics.count(name)
    else:
        metrics.time(name, None, 1.5)

    assert statsd.lines == [f"airflow.{name.value}:{'1|c' if isinstance(name, Count) else '1500.000000|ms'}"]
