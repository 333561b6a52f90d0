"""Website Content Crawler: Crawl websites and extract their text to feed AI models, LLM
applications, vector databases or RAG pipelines. Pages are fetched over HTTP; links are followed on
the sites of the start URLs.

Runs the Actor apify/website-content-crawler and saves its dataset to a file. Change what you like.
"""

from datetime import datetime, timedelta

from airflow.providers.common.compat.sdk import DAG, Param
from airflow_provider_apify.operators.run_actor import RunActorOperator
from airflow_provider_apify.params import ActorInput
from airflow_provider_apify.transfers.dataset_to_file import DatasetToFileOperator

# The form of a manual run. All other runs take the values that stand here.
FORM = {
    "startUrls": Param(
        ["https://docs.apify.com/academy"],
        type="array",
        editor="requestListSources",
        title="Start URLs",
        description_md="Where the crawl begins; it stays on the hosts of these pages.",
    ),
    "maxCrawlDepth": Param(
        20,
        type=["integer", "null"],
        minimum=0,
        title="Max crawl depth",
        description_md="How many links away from the start URLs pages are crawled.",
    ),
    "maxCrawlPages": Param(
        3,
        type="integer",
        minimum=0,
        title="Max pages",
        description_md="How many pages are crawled at most.",
    ),
}

with DAG(
    "website_content_crawler",
    schedule="@daily",
    start_date=datetime(2026, 11, 30),
    catchup=False,
    params=FORM,
    default_args={"retries": 2, "retry_delay": timedelta(seconds=30)},
    tags=["apify"],
    doc_md=__doc__,
):
    run = RunActorOperator(
        task_id="run",
        actor_id="apify/website-content-crawler",
        run_input=ActorInput(FORM),
        execution_timeout=timedelta(hours=1),
        abort_above_usd=2,  # US dollars of usage: a run above it is aborted
        deferrable=True,
    )
    save = DatasetToFileOperator(
        task_id="save",
        dataset_id=run.output["dataset_id"],
        path="/data/website_content_crawler/{{ run_id }}.jsonl",
    )
    run >> save
