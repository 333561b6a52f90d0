"""The DAGs of the browser's tests: the README's as it is printed, and one that waits until somebody acts."""

from __future__ import annotations

import os
from datetime import timedelta

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_apify.operators.run_actor import RunActorOperator
from tests.docs.readme import dag_of_the_readme

exec(dag_of_the_readme(os.environ["APIFY_EXAMPLE_START_URL"], os.environ["APIFY_EXAMPLE_OUTPUT"]))  # noqa: S102 - our own

with DAG("long_crawl", schedule=None, tags=["apify"]):
    RunActorOperator(
        task_id="crawl",
        actor_id="apify/scenario",
        run_input={"items": 3, "durationSecs": 900, "statusMessages": ["Crawled 3 pages, 120 to go"]},
        execution_timeout=timedelta(hours=1),
        retries=1,
        deferrable=True,
    )
