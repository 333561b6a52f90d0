"""Defer tasks that wait for a slot of their pool, as a worker that ran their operator would have done."""

from __future__ import annotations

from typing import Any

from airflow.models.taskinstance import TaskInstance
from airflow.models.trigger import Trigger
from airflow.utils.session import create_session
from airflow.utils.state import TaskInstanceState
from sqlalchemy import select

from airflow_provider_apify.triggers.run import ApifyRunTrigger
from tests.benchmarks.child import answer


def _defer(plan: dict[str, Any]) -> int:
    """Give each mapped task of a DAG one run to wait for; return how many there are."""
    query = select(TaskInstance).where(TaskInstance.dag_id == plan["dag_id"]).order_by(TaskInstance.map_index)
    with create_session() as session:
        tasks = session.scalars(query).all()
        for task, run_id in zip(tasks, plan["run_ids"], strict=True):
            trigger = ApifyRunTrigger(run_id=run_id, poll_interval=plan["poll_interval"])
            row = Trigger(*trigger.serialize())
            session.add(row)
            session.flush()
            task.state, task.trigger_id, task.next_method = TaskInstanceState.DEFERRED, row.id, "execute_complete"
        return len(tasks)


if __name__ == "__main__":
    answer(_defer)
