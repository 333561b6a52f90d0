"""Very many short runs, each watched by the triggerer."""

from __future__ import annotations

import os
from datetime import timedelta

from airflow.sdk import DAG

from airflow_provider_apify.operators.run_actor import RunActorOperator

COUNT = int(os.environ["DEFERRALS"])
LONGEST_SECONDS = 5.0

with DAG("deferrals", schedule=None):
    RunActorOperator.partial(
        task_id="run",
        actor_id="apify/scenario",
        deferrable=True,
        cost_settle_seconds=float(os.environ["SETTLE_SECONDS"]),
        log_lines=0,
        retries=3,
        retry_delay=timedelta(seconds=1),
    ).expand(run_input=[{"durationSecs": LONGEST_SECONDS * index / COUNT} for index in range(COUNT)])
