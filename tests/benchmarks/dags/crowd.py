"""A deferred task for each run that ``crowd.json``, beside this file, names. The scheduler defers it, not a worker."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import DAG, BaseOperator
from airflow.triggers.base import StartTriggerArgs


class WaitForRun(BaseOperator):
    """Be deferred to ``ApifyRunTrigger`` from the start."""

    start_from_trigger = True

    def __init__(self, *, run_id: str, poll_interval: float | None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.start_trigger_args = StartTriggerArgs(
            trigger_cls="airflow_provider_apify.triggers.run.ApifyRunTrigger",
            trigger_kwargs={"run_id": run_id, "poll_interval": poll_interval},
            next_method="execute_complete",
        )

    def execute_complete(self, context: Any, event: dict[str, Any]) -> None:
        """Never be called: the pool of these tasks has no slots, so that no worker disturbs the measurement."""


crowd = json.loads(Path(__file__).with_name("crowd.json").read_text())
for dag_id, plan in crowd.items():
    with DAG(dag_id, schedule=None, max_active_tasks=len(plan["run_ids"])) as dag:
        for number, run_id in enumerate(plan["run_ids"]):
            WaitForRun(task_id=f"run_{number}", run_id=run_id, poll_interval=plan["poll_interval"], pool=plan["pool"])
    globals()[dag_id] = dag
