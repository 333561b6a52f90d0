"""Load a day's items into Postgres with COPY. A retry, a clear or a backfill replaces the rows of that day."""

from datetime import UTC, datetime, timedelta

import psycopg
from airflow.providers.common.compat.sdk import DAG, BaseHook, ObjectStoragePath, task
from airflow_provider_apify.operators.run_actor import RunActorOperator
from airflow_provider_apify.transfers.dataset_to_file import DatasetToFileOperator

DAY = "{{ (dag_run.logical_date or dag_run.run_after) | ds }}"
# A line is one cell: JSON has neither of these two characters.
COPY = r"COPY incoming FROM STDIN WITH (FORMAT csv, QUOTE E'\x01', DELIMITER E'\x02')"


@task
def load(path, day):
    with psycopg.connect(BaseHook.get_connection("warehouse").get_uri()) as warehouse:  # one transaction
        warehouse.execute("CREATE TEMP TABLE incoming (item jsonb) ON COMMIT DROP")
        with ObjectStoragePath(path).open("rb") as file, warehouse.cursor().copy(COPY) as copy:
            while piece := file.read(2**20):
                copy.write(piece)
        warehouse.execute("DELETE FROM pages WHERE day = %s", [day])
        warehouse.execute(
            "INSERT INTO pages SELECT %s, item->>'url', item->'metadata'->>'title' FROM incoming",
            [day],
        )


with DAG(
    "postgres",
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
    save = DatasetToFileOperator(task_id="save", dataset_id=crawl.output, path=f"/data/pages/{DAY}.jsonl")
    load(save.output["path"], DAY)
