from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_apify import _extras
from airflow_provider_apify.operators.run_actor import RunActorOperator
from airflow_provider_apify.transfers.dataset_to_file import DatasetToFileOperator
from airflow_provider_apify.transfers.file_to_dataset import FileToDatasetOperator
from airflow_provider_apify.transfers.key_value_store_to_file import KeyValueStoreToFileOperator
from airflow_provider_apify.transfers.run_log_to_file import RunLogToFileOperator
from tests.dag_runs import START_DATE, DagRunner


@pytest.fixture
def without_drivers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_extras, "find_spec", lambda _name: None)


@pytest.mark.parametrize(
    ("cls", "arguments", "extras"),
    [
        (DatasetToFileOperator, {"path": "/a/b.jsonl"}, set()),
        (DatasetToFileOperator, {"path": "/a/{{ ds }}.parquet"}, {"parquet"}),
        (DatasetToFileOperator, {"path": "S3://b/{{ ds }}.jsonl.ZST"}, {"s3", "zstd"}),
        (DatasetToFileOperator, {"path": "{{ params.p }}", "file_format": "parquet"}, {"parquet"}),
        (DatasetToFileOperator, {"path": "gs://b/a.json", "compression": "zstd"}, {"gcs", "zstd"}),
        (DatasetToFileOperator, {"path": "{{ params.p }}"}, set()),
        (DatasetToFileOperator, {}, set()),
        (KeyValueStoreToFileOperator, {"path": "abfs://c/{key}"}, {"azure"}),
        (RunLogToFileOperator, {"path": "sftp:///a/b.log"}, {"sftp"}),
        (FileToDatasetOperator, {"path": "s3://b/a.csv.zst"}, {"s3", "zstd"}),
        (RunActorOperator, {"actor_id": "me/parquet"}, set()),
    ],
)
def test_a_task_names_the_extras_that_it_needs(cls: Any, arguments: Mapping[str, Any], extras: set[str]) -> None:
    assert cls.extras_needed(arguments) == extras


def pipeline(dag_id: str, path: str) -> Any:
    with DAG(dag_id, schedule=None, start_date=START_DATE) as dag:
        run = RunActorOperator(task_id="run", actor_id="apify/hello-world")
        run >> RunLogToFileOperator(task_id="log", run_id="{{ ti.xcom_pull('run')['run_id'] }}", path=path)
    return dag


@pytest.mark.usefixtures("without_drivers")
def test_a_missing_driver_is_told_before_the_run_is_started(airflow: DagRunner, tmp_path: Any) -> None:
    outcome = airflow.run(pipeline("lacking", f"sftp://{tmp_path}/a.log"))
    told = "Task log needs airflow.providers.sftp and sshfs: pip install 'airflow-provider-apify[sftp]'"
    assert told in outcome.log
    assert outcome.log.index(told) < outcome.log.index("of apify/hello-world is ")
    assert outcome.task_state("run") == "success"


@pytest.mark.usefixtures("without_drivers")
def test_a_task_that_needs_none_is_told_nothing(airflow: DagRunner, tmp_path: Any) -> None:
    outcome = airflow.run(pipeline("having", f"{tmp_path}/a.log"))
    assert outcome.state == "success"
    assert "pip install" not in outcome.log
