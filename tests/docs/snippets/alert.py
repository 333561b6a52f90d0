"""Tell of a failed run: its link, its status and what it has cost."""

from datetime import timedelta

from airflow.providers.common.compat.sdk import DAG
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.operators.run_actor import RunActorOperator


def tell(context):
    ti = context["ti"]
    link = ti.xcom_pull(task_ids=ti.task_id, key="apify_run_link")
    if not link:
        print(f"{ti.task_id} failed: {context.get('exception')}")
        return
    run = ApifyHook().get_run(link)
    print(f"{ti.task_id} failed: run {run.status}, {run.usage_total_usd} US dollars, {link}")  # or send it


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
