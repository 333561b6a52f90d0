"""Runs that are given whole where an ID is meant: templates of other arguments see the ID."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.transfers.dataset_to_file import DatasetToFileOperator
from tests.dag_runs import START_DATE, DagRunner


def finished() -> dict[str, Any]:
    hook = ApifyHook()
    return hook.wait_for_run(hook.start_run("apify/scenario", {"items": 2}).id).run.to_dict()


def test_the_path_of_each_of_several_runs_has_the_id_of_its_dataset(airflow: DagRunner, tmp_path: Path) -> None:
    runs = [finished(), finished()]
    with DAG("whole_runs", schedule=None, start_date=START_DATE) as dag:
        DatasetToFileOperator.partial(task_id="save", path=f"{tmp_path}/{{{{ task.dataset_id }}}}.jsonl").expand(
            dataset_id=task(task_id="runs")(lambda: runs)()
        )
    assert airflow.run(dag).errors == {}
    assert {file.stem: len(file.read_bytes().splitlines()) for file in tmp_path.iterdir()} == {
        str(run["dataset_id"]): 2 for run in runs
    }
