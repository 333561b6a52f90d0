"""Have Apify start a DAG whenever a saved task has run, and look after what it could not deliver.

`EnsureWebhookOperator` keeps one webhook as it is described here, however often this DAG runs. `undelivered` lists the
calls of the last day that Apify has given up on.

**Change** `RECEIVER` to the address of your Airflow 3. Its REST API starts a DAG run of `apify_watch_other_run` with
this payload. It wants an `Authorization` header: take `headers` from a connection, so that Airflow masks them. The DAG
run has the ID of Apify's run. So the same event starts one DAG run, also if it arrives twice.
"""

from __future__ import annotations

import os
from datetime import timedelta

import pendulum
from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.operators.webhooks import EnsureWebhookOperator

TASK = os.environ.get("APIFY_EXAMPLE_TASK", "local/daily-crawl")
AIRFLOW = "https://airflow.example.com/api/v2/dags/apify_watch_other_run/dagRuns"
RECEIVER = os.environ.get("APIFY_EXAMPLE_RECEIVER", AIRFLOW)
# What stands in {{ }} is written by Apify, as JSON: so it has no quotes here.
PAYLOAD = '{"dag_run_id": {{resource.id}}, "logical_date": null, "conf": {"run_id": {{resource.id}}}}'
RETRIES = {"retries": 2, "retry_delay": timedelta(seconds=30)}


@task
def undelivered(webhook_id: str) -> list[str]:
    failed = ApifyHook().iterate_webhook_dispatches(
        webhook_id=webhook_id, status="FAILED", since=pendulum.now("UTC").subtract(days=1)
    )
    return [f"{dispatch.event_type} of run {dispatch.run_id}" for dispatch in failed]


with DAG(
    "apify_webhook",
    description="Have Apify start a DAG after each run",
    schedule=None,
    default_args=RETRIES,
    doc_md=__doc__,
    tags=["apify", "example", "webhook"],
):
    ensured = EnsureWebhookOperator(
        task_id="ensure",
        actor_task_id=TASK,
        event_types=["ACTOR.RUN.SUCCEEDED", "ACTOR.RUN.FAILED"],
        request_url=RECEIVER,
        payload_template=PAYLOAD,
        description="Kept by Airflow",
    )
    undelivered(webhook_id="{{ ti.xcom_pull('ensure')['webhook_id'] }}").set_upstream(ensured)
