"""What a type checker lets DAG authors write: mypy checks this file as it stands, without a word to ignore anything."""

from __future__ import annotations

from datetime import datetime

import pytest
from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_apify.operators.persist_storage import PersistStorageOperator
from airflow_provider_apify.operators.run_actor import RunActorOperator
from airflow_provider_apify.operators.run_lifecycle import AbortRunOperator, MetamorphRunOperator
from airflow_provider_apify.operators.webhooks import DeleteWebhookOperator
from airflow_provider_apify.sensors.dataset import ApifyDatasetSensor
from airflow_provider_apify.sensors.run import ApifyRunSensor
from airflow_provider_apify.transfers.dataset_to_file import DatasetToFileOperator
from airflow_provider_apify.transfers.file_to_dataset import FileToDatasetOperator
from airflow_provider_apify.transfers.key_value_store_to_file import KeyValueStoreToFileOperator
from airflow_provider_apify.transfers.run_log_to_file import RunLogToFileOperator


@pytest.fixture
def dag() -> DAG:
    with DAG("typed", schedule=None, start_date=datetime(2026, 1, 1)) as dag:  # noqa: DTZ001 - Airflow takes it as UTC

        @task
        def choose() -> str:
            return "me/actor"

        crawl = RunActorOperator(task_id="crawl", actor_id=choose())
        run = crawl.output
        ApifyRunSensor(task_id="wait", run_id=run["run_id"])
        ApifyDatasetSensor(task_id="items", dataset_id=run["dataset_id"])
        DatasetToFileOperator(task_id="export", run_id=run, path="/items.jsonl")
        DatasetToFileOperator(task_id="part", dataset_id=run["dataset_id"], path="/items.jsonl")
        KeyValueStoreToFileOperator(task_id="record", store_id=run["key_value_store_id"], key="OUTPUT", path="/a.json")
        RunLogToFileOperator(task_id="log", run_id=run, path="/run.log")
        FileToDatasetOperator(task_id="push", dataset_id=run["dataset_id"], path="/items.jsonl")
        PersistStorageOperator(task_id="keep", run_id=run, persist_as="kept")
        AbortRunOperator(task_id="abort", run_id=run)
        MetamorphRunOperator(task_id="metamorph", run_id=run, target_actor_id=run["actor_id"])
        DeleteWebhookOperator(task_id="unhook", webhook_id=run["run_id"])
    return dag


def test_what_tasks_return_is_taken_as_an_id_and_makes_the_task_wait(dag: DAG) -> None:
    followers = set(dag.task_ids) - {"choose", "crawl"}
    assert len(followers) == 11
    assert {dag.get_task(task_id).upstream_task_ids == {"crawl"} for task_id in followers} == {True}
    assert dag.get_task("crawl").upstream_task_ids == {"choose"}
