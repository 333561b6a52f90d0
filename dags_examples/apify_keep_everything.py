"""Keep all that a run leaves behind: its items, its records, its log, and its dataset at Apify under a name.

1. `ApifyDatasetSensor` waits until a run that still goes on has its first items: something may begin already.
2. `PersistStorageOperator` names the run's dataset. Storages without a name are deleted some days after their run.
3. When the run is over, the dataset, all records of its key-value store and its log become files.
4. `FileToDatasetOperator` pushes the file's items to a dataset that collects those of all runs.

**Change** `OUTPUT` to a URL of S3, Google Cloud Storage, Azure Blob or SFTP, and leave out what you need not keep.
"""

from __future__ import annotations

import os
from datetime import timedelta

from airflow.configuration import AIRFLOW_HOME
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_apify.operators.persist_storage import PersistStorageOperator
from airflow_provider_apify.operators.run_actor import RunActorOperator
from airflow_provider_apify.sensors.dataset import ApifyDatasetSensor
from airflow_provider_apify.sensors.run import ApifyRunSensor
from airflow_provider_apify.transfers.dataset_to_file import DatasetToFileOperator
from airflow_provider_apify.transfers.file_to_dataset import FileToDatasetOperator
from airflow_provider_apify.transfers.key_value_store_to_file import KeyValueStoreToFileOperator
from airflow_provider_apify.transfers.run_log_to_file import RunLogToFileOperator

START_URL = os.environ.get("APIFY_EXAMPLE_START_URL", "https://docs.apify.com/academy")
OUTPUT = os.environ.get("APIFY_EXAMPLE_OUTPUT", f"{AIRFLOW_HOME}/apify_example_output") + "/keep_everything"
RETRIES = {"retries": 2, "retry_delay": timedelta(seconds=30)}
RUN_ID = "{{ ti.xcom_pull('start')['run_id'] }}"

with DAG(
    "apify_keep_everything",
    description="Keep all that a run leaves behind",
    schedule=None,
    default_args=RETRIES,
    doc_md=__doc__,
    tags=["apify", "example", "storages"],
):
    start = RunActorOperator(
        task_id="start",
        actor_id="apify/website-content-crawler",
        run_input={"startUrls": [{"url": START_URL}], "maxCrawlPages": 10},
        wait_for_completion=False,
    )
    first_items = ApifyDatasetSensor(task_id="first_items", run_id=RUN_ID, min_items=3, deferrable=True)
    name = PersistStorageOperator(task_id="name", run_id=RUN_ID, persist_as=f"pages-{RUN_ID}")
    wait = ApifyRunSensor(task_id="wait", run_id=RUN_ID, deferrable=True)
    items = DatasetToFileOperator(task_id="items", run_id=RUN_ID, path=f"{OUTPUT}/items.jsonl.gz")
    records = KeyValueStoreToFileOperator(task_id="records", run_id=RUN_ID, path=f"{OUTPUT}/records/{{key}}")
    log = RunLogToFileOperator(task_id="log", run_id=RUN_ID, path=f"{OUTPUT}/log.txt")
    collect = FileToDatasetOperator(task_id="collect", path=f"{OUTPUT}/items.jsonl.gz", dataset_name="all-pages")

    start >> first_items >> name >> wait >> [items, records, log]
    items >> collect
