"""Crawl through a connection with limits; this run may cost more than the connection's default, but not its limit."""

from datetime import timedelta

from airflow.providers.common.compat.sdk import DAG
from airflow_provider_apify.operators.run_actor import RunActorOperator

with DAG("limits", schedule=None, default_args={"retries": 1, "retry_delay": timedelta(seconds=30)}):
    crawl = RunActorOperator(
        task_id="crawl",
        apify_conn_id="apify_limited",
        actor_id="apify/website-content-crawler",
        run_input={"startUrls": [{"url": "https://docs.apify.com/academy"}], "maxCrawlPages": 3},
        abort_above_usd=2,
        execution_timeout=timedelta(hours=1),
        deferrable=True,
    )
