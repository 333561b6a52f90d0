"""The DAGs that webhooks of Apify start or wake."""

from __future__ import annotations

from typing import Any

from airflow import sdk
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, Asset, Param, task

from airflow_provider_apify.assets import finished_runs
from airflow_provider_apify.operators.run_actor import RunActorOperator

RECEIVED = Asset("apify://task/local~received")

with DAG("all_received", schedule=[RECEIVED]):

    @task
    def told(triggering_asset_events: Any = None) -> list[str]:
        return [run["run_id"] for run in finished_runs(triggering_asset_events)]

    told()

if hasattr(sdk, "PartitionedAssetTimetable"):  # Airflow 3.2 and later
    with DAG("each_received", schedule=sdk.PartitionedAssetTimetable(assets=RECEIVED)):
        EmptyOperator(task_id="nothing")

with DAG("looks_seldom", schedule=None, params={"run_input": Param({}, type="object")}):
    RunActorOperator(
        task_id="run",
        actor_id="apify/scenario",
        run_input="{{ params.run_input | tojson }}",
        deferrable=True,
        poll_interval=3_600,
    )
