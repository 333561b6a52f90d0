"""Let DuckDB read a day's items from their file. A retry, a clear or a backfill replaces the rows of that day."""

from datetime import UTC, datetime, timedelta

import duckdb
from airflow.providers.common.compat.sdk import DAG, task
from airflow_provider_apify.operators.run_actor import RunActorOperator
from airflow_provider_apify.transfers.dataset_to_file import DatasetToFileOperator

DAY = "{{ (dag_run.logical_date or dag_run.run_after) | ds }}"


@task(max_active_tis_per_dag=1)  # one process at a time may write to a file of DuckDB
def load(path, day):
    with duckdb.connect("/data/warehouse.duckdb") as warehouse:
        warehouse.execute("CREATE TABLE IF NOT EXISTS pages (day DATE, url TEXT, title TEXT)")
        warehouse.begin()
        warehouse.execute("DELETE FROM pages WHERE day = ?", [day])
        warehouse.execute("INSERT INTO pages SELECT ?, url, metadata.title FROM read_parquet(?)", [day, path])
        warehouse.commit()


with DAG(
    "duckdb",
    schedule="@daily",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    default_args={"retries": 2, "retry_delay": timedelta(seconds=30)},
):
    crawl = RunActorOperator(
        task_id="crawl",
        actor_id="apify/website-content-crawler",
        run_input={"startUrls": [{"url": "https://docs.apify.com/academy"}], "maxCrawlPages": 3},
        execution_timeout=timedelta(hours=1),
        deferrable=True,
    )
    save = DatasetToFileOperator(
        task_id="save",
        dataset_id=crawl.output,
        path=f"/data/pages/{DAY}.parquet",
        columns={"url": "string", "metadata.title": "string"},  # the same on every day
    )
    load(save.output["path"], DAY)
