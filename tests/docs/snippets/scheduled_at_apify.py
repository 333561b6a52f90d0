"""Use today's run of Apify's own scheduler, which starts at 02:00."""

from datetime import UTC, datetime, timedelta

from airflow.providers.common.compat.sdk import DAG
from airflow_provider_apify.sensors.run import ApifyRunSensor
from airflow_provider_apify.transfers.dataset_to_file import DatasetToFileOperator

with DAG(
    "scheduled_at_apify",
    schedule="0 3 * * *",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    default_args={"retries": 2, "retry_delay": timedelta(seconds=30)},
):
    wait = ApifyRunSensor(
        task_id="wait",
        actor_task_id="local/daily-crawl",
        origin="SCHEDULER",
        started_after=timedelta(hours=-2),  # from 01:00: the DAG is due at 03:00
        started_before=timedelta(hours=22),  # to 01:00 of the next day
        timeout=6 * 3600,
        deferrable=True,
    )
    save = DatasetToFileOperator(
        task_id="save",
        dataset_id=wait.output["dataset_id"],
        path="/data/scheduled/{{ ti.xcom_pull('wait')['run_id'] }}.jsonl",
    )
    wait >> save
