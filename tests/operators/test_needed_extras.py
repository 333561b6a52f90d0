from __future__ import annotations

from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_apify import _extras
from airflow_provider_apify.operators.run_actor import RunActorOperator
from airflow_provider_apify.transfers.run_log_to_file import RunLogToFileOperator
from tests.dag_runs import START_DATE, DagRunner


@pytest.fixture
def without_drivers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_extras, "find_spec", lambda _name: None)


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
