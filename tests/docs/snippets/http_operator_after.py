"""After: one task runs the Actor and waits, the next one writes its items to a file."""

from datetime import timedelta

from airflow.providers.common.compat.sdk import DAG
from airflow_provider_apify.operators.run_actor import RunActorOperator
from airflow_provider_apify.transfers.dataset_to_file import DatasetToFileOperator

with DAG("http_after", schedule=None, default_args={"retries": 2, "retry_delay": timedelta(seconds=30)}):
    crawl = RunActorOperator(
        task_id="crawl",
        actor_id="apify/website-content-crawler",
        run_input={"startUrls": [{"url": "https://docs.apify.com/academy"}], "maxCrawlPages": 3},
        execution_timeout=timedelta(hours=1),
        abort_above_usd=2,
        deferrable=True,
    )
    items = DatasetToFileOperator(
        task_id="items",
        dataset_id=crawl.output["dataset_id"],
        path="/data/pages/{{ run_id }}.jsonl",
    )
    crawl >> items
