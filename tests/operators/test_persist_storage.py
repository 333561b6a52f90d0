from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException, Context

from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.operators.persist_storage import PersistStorageOperator
from local_apify import LocalApify
from tests.dag_runs import DagRunner

STORAGES = ["dataset", "key_value_store", "request_queue"]


@pytest.fixture
def hook(apify: LocalApify) -> ApifyHook:  # noqa: ARG001 - where it leads
    return ApifyHook()


def persist(**arguments: Any) -> PersistStorageOperator:
    """Make the task of most tests."""
    defaults: dict[str, Any] = {"task_id": "task", "retry_delay": timedelta(0), "persist_as": "kept"}
    return PersistStorageOperator(**(defaults | arguments))


@pytest.mark.parametrize("storage", STORAGES)
def test_a_storage_of_a_run_outlives_it(airflow: DagRunner, hook: ApifyHook, storage: str) -> None:
    run = hook.wait_for_run(hook.start_run("apify/scenario", {"items": 2}).id).run
    outcome = airflow.run_task(
        persist(run_id="{{ params.run }}", storage=storage, persist_as="kept-{{ params.day }}"),
        params={"run": run.id, "day": "2026-01-01"},
    )
    hook.delete_run(run.id)

    told = outcome.xcom()
    assert told["id"] == getattr(run, f"{storage}_id")
    assert (told["name"], told["storage"]) == ("kept-2026-01-01", storage)
    assert told["console_url"].startswith("https://console.apify.com/storage/")
    found = airflow.run_task(persist(storage_id=told["id"], storage=storage, persist_as="kept-2026-01-01"))
    assert found.xcom() == told


def test_a_retry_finds_the_name_given(airflow: DagRunner, hook: ApifyHook) -> None:
    def die_once(context: Context, result: Any) -> None:  # noqa: ARG001 - Airflow's signature
        if context["ti"].try_number == 1:
            raise AirflowException("died at the end")

    run = hook.start_run("apify/scenario")
    outcome = airflow.run_task(persist(run_id=run.id, retries=1, post_execute=die_once))

    assert (outcome.state, outcome.xcom()["name"]) == ("success", "kept")


def test_a_name_that_is_taken_fails_for_good_and_says_by_which(airflow: DagRunner, hook: ApifyHook) -> None:
    owner = hook.create_dataset("kept")
    outcome = airflow.run_task(persist(run_id=hook.start_run("apify/scenario").id, retries=3))

    assert isinstance(outcome.error, AirflowFailException)
    assert f"The name 'kept' is taken by the dataset {owner.id}" in str(outcome.error)


def test_a_storage_with_another_name_keeps_it(airflow: DagRunner, hook: ApifyHook) -> None:
    dataset = hook.create_dataset("mine")
    outcome = airflow.run_task(persist(storage_id=dataset.id, retries=3))

    assert isinstance(outcome.error, AirflowFailException)
    assert hook.get_dataset(dataset.id).name == "mine"


@pytest.mark.parametrize("given", [{"run_id": "nothing"}, {"storage_id": "nothing"}])
@pytest.mark.usefixtures("apify")
def test_what_is_not_there_cannot_be_kept(airflow: DagRunner, given: dict[str, str]) -> None:
    outcome = airflow.run_task(persist(retries=3, **given))

    assert isinstance(outcome.error, AirflowFailException)


def test_a_name_that_a_template_spoils_fails_for_good(airflow: DagRunner, hook: ApifyHook) -> None:
    run = hook.start_run("apify/scenario")
    outcome = airflow.run_task(persist(run_id=run.id, persist_as="{{ 'a name' }}", retries=3))

    assert isinstance(outcome.error, AirflowFailException)
    assert "persist_as is 'a name'" in str(outcome.error)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "Give exactly one of run_id .* and storage_id"),
        ({"run_id": "a", "storage_id": "b"}, "Give exactly one of run_id"),
        ({"run_id": "a", "storage": "disk"}, "storage is 'disk'. Give one of dataset, key_value_store, request_queue"),
        ({"run_id": "a", "persist_as": "a_b"}, "persist_as is 'a_b'. A storage's name has letters"),
        ({"run_id": "a", "persist_as": ""}, "persist_as is ''"),
        ({"run_id": "a", "persist_as": "a" * 64}, "63 at most"),
    ],
)
def test_wrong_arguments_are_refused_when_the_dag_is_parsed(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        persist(**arguments)


@pytest.mark.parametrize("name", ["a", "a" * 63, "Prices-2026-01-01"])
def test_every_name_that_apify_takes_is_taken(name: str) -> None:
    assert persist(run_id="a", persist_as=name).persist_as == name


def test_a_letter_that_no_name_has_is_refused_beside_a_template_too() -> None:
    with pytest.raises(ValueError, match="persist_as is"):
        PersistStorageOperator(task_id="task", persist_as="my_prices-{{ ds }}", run_id="run1")
    PersistStorageOperator(task_id="task", persist_as="{{ ds }}-{% if x %}b{% endif %}", run_id="{{ params.run_id }}")
