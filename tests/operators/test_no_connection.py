"""A task that never had a connection has started nothing: no retry, and no alarm about a run that costs money."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException, AirflowNotFoundException

from airflow_provider_apify.models.runs import RunEvent
from airflow_provider_apify.operators.persist_storage import PersistStorageOperator
from airflow_provider_apify.operators.run_actor import RunActorOperator
from airflow_provider_apify.operators.run_lifecycle import AbortRunOperator
from airflow_provider_apify.operators.webhooks import EnsureWebhookOperator
from airflow_provider_apify.sensors.capacity import ApifyCapacitySensor
from airflow_provider_apify.sensors.dataset import ApifyDatasetSensor
from airflow_provider_apify.sensors.run import ApifyRunSensor
from airflow_provider_apify.transfers.dataset_to_file import DatasetToFileOperator
from airflow_provider_apify.transfers.run_log_to_file import RunLogToFileOperator
from local_apify import LocalApify
from tests.dag_runs import DagRunner
from tests.operators.played_task import Fate, PlayedTask
from tests.operators.scenes import dies, end, played, statuses, waits

ALARM = "cost money"
TASKS: Mapping[type[Any], Mapping[str, Any]] = {
    RunActorOperator: {"actor_id": "apify/scenario"},
    AbortRunOperator: {"run_id": "r" * 17},
    PersistStorageOperator: {"storage": "dataset", "storage_id": "d" * 17, "persist_as": "kept"},
    EnsureWebhookOperator: {
        "actor_id": "apify/scenario",
        "event_types": ["ACTOR.RUN.SUCCEEDED"],
        "request_url": "https://example.com",
    },
    ApifyRunSensor: {"run_id": "r" * 17},
    ApifyDatasetSensor: {"dataset_id": "d" * 17},
    ApifyCapacitySensor: {"min_run_slots": 1},
    DatasetToFileOperator: {"dataset_id": "d" * 17, "path": "/nowhere/items.csv"},
    RunLogToFileOperator: {"run_id": "r" * 17, "path": "/nowhere/run.log"},
}


def is_missing(patch: pytest.MonkeyPatch) -> None:
    patch.delenv("AIRFLOW_CONN_APIFY_DEFAULT")


def is_misspelt(patch: pytest.MonkeyPatch) -> None:
    connection = {"conn_type": "apify", "password": "apify_api_of_nobody", "extra": {"limit_abort_abve_usd": 1}}
    patch.setenv("AIRFLOW_CONN_APIFY_DEFAULT", json.dumps(connection))


in_every_way = pytest.mark.parametrize("is_broken", [is_missing, is_misspelt])
Break = Callable[[pytest.MonkeyPatch], None]


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> Callable[[], str]:
    """Return all that was logged so far; Airflow 3 prints it."""
    return lambda: caplog.text + "".join(capfd.readouterr())


@pytest.mark.parametrize("deferrable", [False, True])
@pytest.mark.parametrize("kind", TASKS, ids=lambda kind: kind.__name__)
def test_a_missing_connection_fails_a_task_for_good(
    apify: LocalApify, airflow: DagRunner, kind: type[Any], deferrable: bool
) -> None:
    waits_so = {"deferrable": deferrable} if "deferrable" in kind.__init__.__annotations__ else {}
    task = kind(task_id="task", apify_conn_id="nowhere", retries=3, retry_delay=timedelta(0), **TASKS[kind], **waits_so)
    outcome = airflow.run_task(task)

    assert outcome.task_state() == "failed"
    assert isinstance(outcome.error, AirflowFailException)
    assert "Airflow connection 'nowhere' does not exist. Create it with type 'apify'" in str(outcome.error)
    assert ALARM not in outcome.log
    assert apify.control.ledger().requests == {}


@pytest.mark.parametrize("place", ["AIRFLOW__SECRETS__BACKEND", "AIRFLOW__WORKERS__SECRETS_BACKEND"])
def test_where_a_secrets_backend_may_be_away_a_missing_connection_is_looked_for_again(
    apify: LocalApify, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.setenv(place, "airflow.secrets.local_filesystem.LocalFilesystemBackend")
    sensor = ApifyRunSensor(task_id="task", run_id="r" * 17, apify_conn_id="nowhere")

    with pytest.raises(AirflowNotFoundException, match="does not exist"):
        sensor.poke({})
    assert apify.control.ledger().requests == {}


@in_every_way
@pytest.mark.parametrize("clears", [0, 2])
def test_nothing_alarms_of_a_task_that_never_had_a_connection(
    obedient_apify: LocalApify,
    monkeypatch: pytest.MonkeyPatch,
    log: Callable[[], str],
    is_broken: Break,
    clears: int,
) -> None:
    """Airflow notes that the first attempt has started nothing; so the second one knows."""
    task = played(monkeypatch)
    with monkeypatch.context() as patch:
        is_broken(patch)
        assert task.attempt(Fate()) == "failed"
        for _ in range(clears):
            task.clear()
            assert task.attempt(Fate()) == "failed"

    assert ALARM not in log()
    assert obedient_apify.control.ledger().requests == {}


def test_nothing_alarms_of_a_token_that_was_always_wrong(
    obedient_apify: LocalApify, monkeypatch: pytest.MonkeyPatch, log: Callable[[], str]
) -> None:
    task = played(monkeypatch)
    connection = {"conn_type": "apify", "host": obedient_apify.base_url, "password": "apify_api_of_nobody"}
    monkeypatch.setenv("AIRFLOW_CONN_APIFY_DEFAULT", json.dumps(connection))

    for _ in range(3):
        assert task.attempt(Fate()) == "failed"
        task.clear()

    assert ALARM not in log()
    assert statuses(obedient_apify) == []


def test_a_mended_connection_starts_one_run_without_a_look_for_others(
    obedient_apify: LocalApify, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = played(monkeypatch)
    assert attempt_without_a_connection(task, monkeypatch) == "failed"
    task.clear()

    assert task.attempt(Fate()) == "execute_complete"

    assert statuses(obedient_apify) == ["RUNNING"]
    assert "GET /v2/actors/{actorId}/runs" not in obedient_apify.control.ledger().requests


@in_every_way
def test_where_airflow_keeps_no_notes_a_second_attempt_says_that_it_could_not_look(
    obedient_apify: LocalApify, monkeypatch: pytest.MonkeyPatch, log: Callable[[], str], is_broken: Break
) -> None:
    task = played(monkeypatch, has_store=False)
    with monkeypatch.context() as patch:
        is_broken(patch)
        assert task.attempt(Fate()) == "failed"
        assert ALARM not in log()
        task.clear(retries=0)
        assert task.attempt(Fate()) == "failed"

    assert "Whether an earlier attempt has left a run behind" in log()
    assert statuses(obedient_apify) == []


@in_every_way
@pytest.mark.parametrize("has_store", [True, False])
def test_a_run_that_an_earlier_attempt_has_started_is_told_though_the_connection_is_gone(
    obedient_apify: LocalApify,
    monkeypatch: pytest.MonkeyPatch,
    log: Callable[[], str],
    is_broken: Break,
    has_store: bool,
) -> None:
    task = left_a_run(obedient_apify, monkeypatch, has_store=has_store)
    task.clear(retries=0)
    with monkeypatch.context() as patch:
        is_broken(patch)
        assert task.attempt(Fate()) == "failed"

    assert ALARM in log()
    assert statuses(obedient_apify) == ["RUNNING"]


def test_a_retry_goes_on_with_its_run_when_the_connection_is_there_again(
    obedient_apify: LocalApify, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = left_a_run(obedient_apify, monkeypatch)
    assert attempt_without_a_connection(task, monkeypatch) == "retry"

    assert task.attempt(Fate()) == "success"

    assert statuses(obedient_apify) == ["SUCCEEDED"]


def test_a_resumed_task_without_a_connection_leaves_its_run_to_the_retry(
    obedient_apify: LocalApify, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = played(monkeypatch)
    assert task.attempt(Fate()) == "execute_complete"
    end(obedient_apify, "SUCCEEDED")
    event = RunEvent(task.hook_class()().get_run(task.watched_run_id)).to_payload()
    with monkeypatch.context() as patch:
        is_missing(patch)
        assert task.resume("execute_complete", event, Fate()) == "retry"

    assert task.attempt(Fate()) == "success"

    assert statuses(obedient_apify) == ["SUCCEEDED"]


@pytest.mark.usefixtures("obedient_apify")
def test_what_an_attempt_that_died_has_started_is_no_nothing(
    monkeypatch: pytest.MonkeyPatch, log: Callable[[], str]
) -> None:
    """The first attempt starts nothing, the second dies without a note, the third has no connection."""
    task = played(monkeypatch)
    assert attempt_without_a_connection(task, monkeypatch) == "failed"
    task.clear()
    task.attempt(Fate(0, dies))
    task.clear(retries=0)
    assert attempt_without_a_connection(task, monkeypatch) == "failed"

    assert ALARM in log()


def test_an_attempt_that_airflow_tells_nothing_knows_that_it_is_the_first(
    obedient_apify: LocalApify, monkeypatch: pytest.MonkeyPatch, log: Callable[[], str]
) -> None:
    task = played(monkeypatch)
    task.clear(retries=0)

    def away(*_: Any) -> Any:
        raise AirflowException("the API server is away")

    monkeypatch.setattr(task, "_recall", away)
    with monkeypatch.context() as patch:
        is_misspelt(patch)
        assert task.attempt(Fate()) == "failed"

    assert ALARM not in log()
    assert statuses(obedient_apify) == []


def attempt_without_a_connection(task: PlayedTask, monkeypatch: pytest.MonkeyPatch) -> str:
    """Play an attempt whose connection does not exist."""
    with monkeypatch.context() as patch:
        is_missing(patch)
        return task.attempt(Fate())


def left_a_run(apify: LocalApify, monkeypatch: pytest.MonkeyPatch, *, has_store: bool = True) -> PlayedTask:
    """Return a task whose first attempt has started a run and died while it waited."""
    task = played(monkeypatch, deferrable=False, has_store=has_store)
    waits(task, apify, dies)
    assert task.attempt(Fate()) == "died"
    return task
