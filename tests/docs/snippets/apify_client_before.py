"""Before: the official client in a task. A retry starts, and bills, another run."""

import os
from datetime import timedelta

from airflow.providers.common.compat.sdk import DAG, task
from apify_client import ApifyClient


@task
def pages():
    client = ApifyClient(os.environ["APIFY_TOKEN"], api_url=os.environ.get("APIFY_API_BASE_URL"))
    run = client.actor("apify/website-content-crawler").call(
        run_input={"startUrls": [{"url": "https://docs.apify.com/academy"}], "maxCrawlPages": 3}
    )
    return client.dataset(run.default_dataset_id).list_items().items


@task
def titles(pages):
    return [page["metadata"]["title"] for page in pages]


with DAG("client_before", schedule=None, default_args={"retries": 2, "retry_delay": timedelta(seconds=30)}):
    titles(pages())
