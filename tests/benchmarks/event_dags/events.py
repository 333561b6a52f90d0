"""DAGs that start by the same run: by a webhook, by a watcher, by a sensor; and many watchers of one account."""

from __future__ import annotations

import os
from functools import reduce
from operator import or_

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, Asset, AssetWatcher, PartitionedAssetTimetable

from airflow_provider_apify.assets import task_asset
from airflow_provider_apify.sensors.run import ApifyRunSensor
from airflow_provider_apify.triggers.run_finished import ApifyRunFinishedTrigger

TASK = "local/timed"
WATCHERS = int(os.environ["BENCHMARK_WATCHERS"])


def watched(task: str) -> Asset:
    name = f"watched {task}"
    return Asset(name, watchers=[AssetWatcher(name, trigger=ApifyRunFinishedTrigger(actor_task_id=task))])


with DAG("by_webhook", schedule=PartitionedAssetTimetable(assets=task_asset(TASK))):
    EmptyOperator(task_id="next")

with DAG("by_watcher", schedule=[watched(TASK)]):
    EmptyOperator(task_id="next")

with DAG("by_sensor", schedule=None):
    ApifyRunSensor(task_id="wait", actor_task_id=TASK, deferrable=True) >> EmptyOperator(task_id="next")

with DAG("by_many", schedule=reduce(or_, (watched(f"local/other-{number}") for number in range(WATCHERS)))):
    EmptyOperator(task_id="next")
