"""Load the items of a run into a table. A retry replaces the rows instead of adding them again."""

from datetime import timedelta

from airflow.providers.common.compat.sdk import DAG, BaseHook, task
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.operators.run_actor import RunActorOperator


@task
def load(dataset_id):
    items = ApifyHook().iterate_items(dataset_id)
    rows = ((page["url"], page["metadata"]["title"]) for page in items)
    warehouse = BaseHook.get_hook("warehouse")  # Postgres, Snowflake, DuckDB or another SQL connection
    warehouse.insert_rows("pages", rows, target_fields=["url", "title"], replace=True, replace_index=["url"])


with DAG("database", schedule=None, default_args={"retries": 2, "retry_delay": timedelta(seconds=30)}):
    crawl = RunActorOperator(
        task_id="crawl",
        actor_id="apify/website-content-crawler",
        run_input={"startUrls": [{"url": "https://docs.apify.com/academy"}], "maxCrawlPages": 3},
        execution_timeout=timedelta(hours=1),
        deferrable=True,
    )
    crawl >> load(crawl.output["dataset_id"])
