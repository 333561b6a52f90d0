from __future__ import annotations

from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_apify import _extras
from airflow_provider_apify.operators.run_actor import RunActorOperator
from airflow_provider_apify.transfers.dataset_to_file import DatasetToFileOperator
from tests.dag_runs import START_DATE, DagRunner


@pytest.fixture
def without_drivers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_extras, "find_spec", lambda _name: None)


def pipeline(dag_id: str, path: str) -> Any:
    with DAG(dag_id, schedule=None, start_date=START_DATE) as dag:
        run = RunActorOperator(task_id="run", actor_id="apify/hello-world")
        run >> DatasetToFileOperator(task_id="save", dataset_id=run.output["dataset_id"], path=path)
    return dag


@pytest.mark.usefixtures("without_drivers")
def test_a_missing_driver_is_told_before_the_run_is_started(airflow: DagRunner, tmp_path: Any) -> None:
    outcome = airflow.run(pipeline("lacking", f"{tmp_path}/a.jsonl.zst"))
    told = "Task save needs zstandard: pip install 'airflow-provider-apify[zstd]'"
    assert told in outcome.log
    assert outcome.log.index(told) < outcome.log.index("of Actor apify/hello-world is ")
    assert outcome.state == "success"


@pytest.mark.usefixtures("without_drivers")
def test_a_task_that_needs_none_is_told_nothing(airflow: DagRunner, tmp_path: Any) -> None:
    outcome = airflow.run(pipeline("having", f"{tmp_path}/a.jsonl"))
    assert outcome.state == "success"
    assert "pip install" not in outcome.log
