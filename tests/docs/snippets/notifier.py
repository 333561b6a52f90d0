"""Start another Actor when a task fails."""

from datetime import timedelta

from airflow.providers.common.compat.sdk import DAG
from airflow_provider_apify.notifications.apify import ApifyNotifier
from airflow_provider_apify.operators.run_actor import RunActorOperator

with DAG("notifier", schedule=None, default_args={"retries": 1, "retry_delay": timedelta(seconds=30)}):
    crawl = RunActorOperator(
        task_id="crawl",
        actor_id="apify/website-content-crawler",
        run_input={"startUrls": [{"url": "https://docs.apify.com/academy"}], "maxCrawlPages": 3},
        execution_timeout=timedelta(hours=1),
        on_failed_run="fail",
        on_failure_callback=ApifyNotifier(
            actor_id="apify/hello-world", run_input={"message": "{{ ti.task_id }} failed"}, run_timeout=60
        ),
        deferrable=True,
    )
