"""Run a DAG in a process where OpenLineage listens, as ``python -m tests._airflow.lineage_child FOLDER``."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from airflow.providers.common.compat.sdk import DAG, task
from airflow.utils.db import initdb

from airflow_provider_apify.operators.run_actor import RunActorOperator
from airflow_provider_apify.transfers.dataset_to_file import DatasetToFileOperator
from airflow_provider_apify.transfers.file_to_dataset import FileToDatasetOperator
from airflow_provider_apify.transfers.key_value_store_to_file import KeyValueStoreToFileOperator
from airflow_provider_apify.transfers.run_log_to_file import RunLogToFileOperator
from tests.dag_runs import START_DATE, DagRunner

SHOP = os.environ["SHOP"]


def crawl_of_decorator() -> dict[str, object]:
    """Return the input of a crawl."""
    return {"startUrls": [{"url": SHOP}], "maxCrawlPages": 2}


def lineage_dag(folder: Path) -> DAG:
    """Return a DAG with each operator that tells what it reads and writes, and one that fails."""
    with DAG("lineage", schedule=None, start_date=START_DATE) as dag:
        crawl = RunActorOperator(
            task_id="crawl",
            actor_id="apify/website-content-crawler",
            run_input={"startUrls": [{"url": SHOP}, {"url": f"{SHOP}?token=secret"}], "maxCrawlPages": 3},
            deferrable=True,
        )
        made = task.apify_actor(task_id="made", actor_id="apify/website-content-crawler")(crawl_of_decorator)()
        save_csv = DatasetToFileOperator(
            task_id="csv", dataset_id=crawl.output["dataset_id"], path=f"{folder}/pages.csv", fields="url,text"
        )
        records = KeyValueStoreToFileOperator(task_id="records", run_id=crawl.output, path=f"{folder}/records/{{key}}")
        run_log = RunLogToFileOperator(task_id="log", run_id=crawl.output, path=f"{folder}/run.log")
        jsonl = DatasetToFileOperator(task_id="jsonl", run_id=crawl.output["run_id"], path=f"{folder}/pages.jsonl")
        push = FileToDatasetOperator(task_id="push", path=f"{folder}/pages.jsonl", dataset_name="pages")
        broken = RunActorOperator(
            task_id="broken", actor_id="apify/scenario", run_input={"endAs": "FAILED", "items": 2}, retries=0
        )
        crawl >> made >> save_csv >> records >> run_log >> jsonl >> push >> broken
    return dag


if __name__ == "__main__":
    initdb()
    DagRunner(str).run(lineage_dag(Path(sys.argv[1])))
