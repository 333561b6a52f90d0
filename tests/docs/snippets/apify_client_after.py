"""After: the function returns the input, and the task runs the Actor. A retry goes on with its run."""

from datetime import timedelta

from airflow.providers.common.compat.sdk import DAG, task


@task.apify_actor(
    actor_id="apify/website-content-crawler",
    return_items=20,
    execution_timeout=timedelta(hours=1),
    deferrable=True,
)
def pages():
    return {"startUrls": [{"url": "https://docs.apify.com/academy"}], "maxCrawlPages": 3}


@task
def titles(pages):
    return [page["metadata"]["title"] for page in pages]


with DAG("client_after", schedule=None, default_args={"retries": 2, "retry_delay": timedelta(seconds=30)}):
    titles(pages())
