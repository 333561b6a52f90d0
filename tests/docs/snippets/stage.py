"""Load a day's files from a stage, as in Snowflake. A retry, a clear or a backfill replaces the rows of that day."""

from datetime import UTC, datetime, timedelta

from airflow.providers.common.compat.sdk import DAG, BaseHook, task
from airflow_provider_apify.operators.run_actor import RunActorOperator
from airflow_provider_apify.transfers.dataset_to_file import DatasetToFileOperator

DAY = "{{ (dag_run.logical_date or dag_run.run_after) | ds }}"
BUCKET = "/data/lake"  # or s3://my-bucket, where the stage "lake" points


@task
def load(manifest, day):
    names = [file["path"].partition(f"{BUCKET}/")[2] for file in manifest["files"]]
    files = ", ".join(f"'{name}'" for name in names)
    copy = f"""
        COPY INTO pages (day, url, title)
        FROM (SELECT '{day}', $1:url, $1:metadata:title FROM @lake)
        FILES = ({files})
        FILE_FORMAT = (TYPE = JSON)
        FORCE = TRUE
    """  # FORCE, because Snowflake leaves out files that it has loaded before
    BaseHook.get_hook("warehouse").run([f"DELETE FROM pages WHERE day = '{day}'", copy], autocommit=False)


with DAG(
    "stage",
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
        path=f"{BUCKET}/pages/{DAY}/{{part}}.jsonl.gz",
        items_per_file=100_000,
    )
    load(save.output, DAY)
