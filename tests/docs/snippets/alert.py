"""Tell of a failed run: the Actor, its status, what it has cost, and its link."""

from datetime import timedelta

from airflow.providers.common.compat.sdk import DAG
from airflow_provider_apify.operators.run_actor import RunActorOperator


def tell(context):
    error = context["exception"]
    run = {name: getattr(error, name, None) for name in ("actor", "status", "usage_total_usd", "run_url")}
    print(f"{context['ti'].task_id} failed: {error} {run}")  # or send it


with DAG("alert", schedule=None, default_args={"retries": 1, "retry_delay": timedelta(seconds=30)}):
    crawl = RunActorOperator(
        task_id="crawl",
        actor_id="apify/website-content-crawler",
        run_input={"startUrls": [{"url": "https://docs.apify.com/academy"}], "maxCrawlPages": 3},
        execution_timeout=timedelta(hours=1),
        abort_above_usd=2,
        on_failure_callback=tell,
        deferrable=True,
    )
