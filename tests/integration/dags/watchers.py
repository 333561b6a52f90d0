"""The DAGs that runs of Apify start."""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, Asset, AssetWatcher, task

from airflow_provider_apify.assets import finished_runs
from airflow_provider_apify.triggers.run_finished import ApifyRunFinishedTrigger

trigger = ApifyRunFinishedTrigger(actor_task_id="local/watched", statuses=["SUCCEEDED", "ABORTED"], poll_interval=1.0)
WATCHED = Asset("watched", watchers=[AssetWatcher("watched", trigger=trigger)])

with DAG("follow_watched", schedule=[WATCHED]):

    @task
    def told(triggering_asset_events: Any = None) -> list[str]:
        return [run["run_id"] for run in finished_runs(triggering_asset_events)]

    told()
