"""Use the newest run that Apify's own scheduler has started."""

from datetime import timedelta

from airflow.providers.common.compat.sdk import DAG
from airflow_provider_apify.sensors.run import ApifyRunSensor
from airflow_provider_apify.transfers.dataset_to_file import DatasetToFileOperator

with DAG("scheduled_at_apify", schedule=None, default_args={"retries": 2, "retry_delay": timedelta(seconds=30)}):
    wait = ApifyRunSensor(
        task_id="wait",
        actor_task_id="local/daily-crawl",
        origin="SCHEDULER",
        timeout=6 * 3600,
        deferrable=True,
    )
    save = DatasetToFileOperator(
        task_id="save",
        dataset_id="{{ ti.xcom_pull('wait')['dataset_id'] }}",
        path="/tmp/scheduled/{{ ti.xcom_pull('wait')['run_id'] }}.jsonl",
    )
    wait >> save
