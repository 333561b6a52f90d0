"""Defer tasks without a scheduler and without a worker: write into Airflow's database what these would have."""

from __future__ import annotations

from typing import Any

from airflow.models.dag_version import DagVersion
from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from airflow.models.trigger import Trigger
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState, TaskInstanceState
from airflow.utils.types import DagRunType
from sqlalchemy import insert, text

from airflow_provider_apify.triggers.run import ApifyRunTrigger
from tests.benchmarks.child import answer
from tests.benchmarks.crowd_server import run_id_of

DAG_ID = "crowd_0"


def _defer(plan: dict[str, Any]) -> None:
    """Add one DAG run, whose mapped tasks are all deferred."""
    with create_session() as session:
        version = DagVersion.get_latest_version(DAG_ID, session=session)
        if version is None:
            raise RuntimeError(f"{DAG_ID} is not in the database")
        run = DagRun(DAG_ID, plan["run_id"], run_type=DagRunType.MANUAL, state=DagRunState.RUNNING)
        run.created_dag_version_id = version.id
        triggers = [Trigger(*ApifyRunTrigger(run_id=run_id_of(number)).serialize()) for number in range(plan["count"])]
        session.add_all([run, *triggers])
        session.flush()
        usual = {
            "dag_id": DAG_ID,
            "task_id": "wait",
            "run_id": run.run_id,
            "dag_version_id": version.id,
            "state": TaskInstanceState.DEFERRED,
            "next_method": "execute_complete",
            "pool": "default_pool",
            "pool_slots": 1,
            "queue": "default",
            "priority_weight": 1,
            "try_number": 1,
        }
        tasks = [{**usual, "map_index": index, "trigger_id": row.id} for index, row in enumerate(triggers)]
        session.execute(insert(TaskInstance), tasks)
        # As PostgreSQL does by itself within a minute: with what it knew before, Airflow's queries would take minutes.
        for table in ("trigger", "task_instance"):
            session.execute(text(f"ANALYZE {table}"))


if __name__ == "__main__":
    answer(_defer)
