"""Which run and storages the page of a task links to, for every operator, sensor and transfer."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from airflow_provider_apify.decorators.apify_actor import apify_actor_task
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.links import (
    ApifyDatasetLink,
    ApifyKeyValueStoreLink,
    ApifyRequestQueueLink,
    ApifyRunLink,
)
from airflow_provider_apify.models.runs import ActorRun
from airflow_provider_apify.operators.persist_storage import PersistStorageOperator
from airflow_provider_apify.operators.run_actor import RunActorOperator
from airflow_provider_apify.operators.run_lifecycle import AbortRunOperator
from airflow_provider_apify.sensors.dataset import ApifyDatasetSensor
from airflow_provider_apify.sensors.run import ApifyRunSensor
from airflow_provider_apify.transfers.dataset_to_file import DatasetToFileOperator
from airflow_provider_apify.transfers.file_to_dataset import FileToDatasetOperator
from airflow_provider_apify.transfers.key_value_store_to_file import KeyValueStoreToFileOperator
from airflow_provider_apify.transfers.run_log_to_file import RunLogToFileOperator
from local_apify import LocalApify
from tests.dag_runs import DagRunner, Outcome

LINKS = {
    "run": ApifyRunLink.key,
    "dataset": ApifyDatasetLink.key,
    "store": ApifyKeyValueStoreLink.key,
    "queue": ApifyRequestQueueLink.key,
}


@pytest.fixture(autouse=True)
def _pages(apify: LocalApify, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have links lead to the pages of the local Apify."""
    extra = {"cost_settle_seconds": 0, "start_settle_seconds": 0.5, "console_url": f"{apify.base_url}/"}
    connection = {"conn_type": "apify", "host": apify.base_url, "password": apify.token, "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_APIFY_DEFAULT", json.dumps(connection))


@pytest.fixture
def run(_pages: None) -> ActorRun:
    hook = ApifyHook()
    return hook.wait_for_run(hook.start_run("apify/scenario", {"items": 2, "records": {"OUTPUT": "all"}}).id).run


def shown(outcome: Outcome, task_id: str = "task") -> set[str]:
    """Return which links a task has, after opening each."""
    urls = {name: outcome.xcom(task_id, key=key) for name, key in LINKS.items()}
    urls = {name: url for name, url in urls.items() if url}
    for url in urls.values():
        assert requests.get(url, timeout=10).status_code == 200, url
    return set(urls)


Make = Callable[[ActorRun, Path], Any]
MADE: list[tuple[Make, set[str]]] = [
    (lambda run, _: ApifyRunSensor(task_id="task", run_id=run.id), {"run", "dataset", "store"}),
    (lambda run, _: ApifyRunSensor(task_id="task", run_id=run.id, deferrable=True), {"run", "dataset", "store"}),
    (lambda run, _: ApifyDatasetSensor(task_id="task", run_id=run.id, min_items=2), {"run", "dataset"}),
    (lambda run, _: ApifyDatasetSensor(task_id="task", dataset_id=run.dataset_id, min_items=2), {"dataset"}),
    (
        lambda run, folder: DatasetToFileOperator(task_id="task", run_id=run.id, path=f"{folder}/a.jsonl"),
        {"run", "dataset"},
    ),
    (
        lambda run, folder: DatasetToFileOperator(
            task_id="task", dataset_id=[run.dataset_id, ApifyHook().create_dataset("other").id], path=f"{folder}/a.csv"
        ),
        set(),
    ),
    (
        lambda run, folder: KeyValueStoreToFileOperator(
            task_id="task", run_id=run.id, key="OUTPUT", path=f"{folder}/a.txt"
        ),
        {"run", "store"},
    ),
    (
        lambda run, folder: KeyValueStoreToFileOperator(
            task_id="task", store_id=run.key_value_store_id, key="OUTPUT", path=f"{folder}/a.txt"
        ),
        {"store"},
    ),
    (lambda run, folder: RunLogToFileOperator(task_id="task", run_id=run.id, path=f"{folder}/a.log"), {"run"}),
    (lambda run, _: AbortRunOperator(task_id="task", run_id=run.id), {"run", "dataset", "store"}),
    *(
        (
            lambda run, _, kind=kind: PersistStorageOperator(
                task_id="task", run_id=run.id, storage=kind, persist_as="kept"
            ),
            {link},
        )
        for kind, link in (("dataset", "dataset"), ("key_value_store", "store"), ("request_queue", "queue"))
    ),
]


@pytest.mark.parametrize(
    ("make", "links"), MADE, ids=lambda each: " ".join(sorted(each)) if isinstance(each, set) else ""
)
def test_a_task_shows_what_it_dealt_with(
    airflow: DagRunner, run: ActorRun, make: Make, links: set[str], tmp_path: Path
) -> None:
    outcome = airflow.run_task(make(run, tmp_path))

    assert outcome.state == "success"
    assert shown(outcome) == links
    assert "XCom not found" not in outcome.log


def test_a_push_shows_the_dataset(airflow: DagRunner, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"a": 1}\n')
    push = FileToDatasetOperator(task_id="task", path=f"{tmp_path}/a.jsonl", dataset_name="kept")
    assert shown(airflow.run_task(push)) == {"dataset"}


def test_a_decorated_function_shows_its_run(airflow: DagRunner) -> None:
    @apify_actor_task(actor_id="apify/scenario", task_id="task")
    def crawl() -> dict[str, Any]:
        return {"items": 1}

    returned: Any = crawl()
    outcome = airflow.run_task(returned.operator)
    assert shown(outcome) == {"run", "dataset", "store"}


both_ways = pytest.mark.parametrize("deferrable", [False, True], ids=["in a worker", "deferred"])


@both_ways
def test_a_result_its_links_and_the_log_name_the_same_page(
    apify: LocalApify, airflow: DagRunner, deferrable: bool
) -> None:
    outcome = airflow.run_task(RunActorOperator(task_id="task", actor_id="apify/scenario", deferrable=deferrable))

    page = f"{apify.base_url}/actors/runs/{outcome.xcom()['run_id']}"
    assert {outcome.xcom()[name] for name in ("run_url", "console_url")} == {page}
    assert {outcome.xcom(key=key) for key in ("run_url", "apify_run_link")} == {page}
    assert page in outcome.log


@both_ways
def test_an_error_names_the_page_that_its_link_leads_to(
    apify: LocalApify, airflow: DagRunner, deferrable: bool
) -> None:
    failing: dict[str, Any] = {"run_input": {"endAs": "FAILED"}, "deferrable": deferrable}
    outcome = airflow.run_task(RunActorOperator(task_id="task", actor_id="apify/scenario", **failing))

    page = outcome.xcom(key="apify_run_link")
    assert page == f"{apify.base_url}/actors/runs/{outcome.xcom(key='run_id')}"
    assert page in str(outcome.error)
    assert vars(outcome.error)["run_url"] == page


def test_a_run_that_is_not_paid_for_again_is_shown_by_the_attempt_that_says_so(
    apify: LocalApify, airflow: DagRunner
) -> None:
    arguments: dict[str, Any] = {"on_failed_run": "fail", "retries": 1, "retry_delay": timedelta(0)}
    outcome = airflow.run_task(
        RunActorOperator(
            task_id="task", actor_id="apify/scenario", run_input={"endAs": "FAILED", "items": 2}, **arguments
        )
    )
    (started,) = apify.control.ledger().runs
    assert "is not paid for again" in str(outcome.error)
    assert shown(outcome) == {"run", "dataset", "store"}
    assert outcome.xcom(key="run_id") == started.run_id
    assert outcome.xcom(key="dataset_id")


def test_a_task_that_has_nothing_to_show_asks_airflow_for_nothing(airflow: DagRunner) -> None:
    outcome = airflow.run_task(RunActorOperator(task_id="task", actor_id="apify/no-such-actor"))

    assert outcome.state == "failed"
    assert shown(outcome) == set()
    assert "XCom not found" not in outcome.log


def test_a_run_that_a_sensor_finds_bad_is_shown(airflow: DagRunner) -> None:
    run_id = ApifyHook().start_run("apify/scenario", {"endAs": "FAILED"}).id
    outcome = airflow.run_task(ApifyRunSensor(task_id="task", run_id=run_id, poke_interval=0.1))

    assert outcome.state == "failed"
    assert shown(outcome) == {"run", "dataset", "store"}
