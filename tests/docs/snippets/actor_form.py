"""Run an Actor with the form of its input schema, once a week or by hand."""

from datetime import datetime, timedelta
from pathlib import Path

from airflow.providers.common.compat.sdk import DAG
from airflow_provider_apify.operators.run_actor import RunActorOperator
from airflow_provider_apify.params import ActorInput, actor_params

FORM = actor_params(
    Path(__file__).with_name("crawler.json"),
    only=["startUrls", "maxCrawlPages"],
    values={"startUrls": [{"url": "https://docs.apify.com/academy"}], "maxCrawlPages": 3},
)

with DAG(
    "crawl_by_form",
    schedule="@weekly",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    params=FORM,
    default_args={"retries": 2, "retry_delay": timedelta(seconds=30)},
):
    RunActorOperator(
        task_id="crawl",
        actor_id="apify/website-content-crawler",
        run_input=ActorInput(FORM),
        abort_above_usd=2,
    )
