"""Whether a cancelled trigger's task really gave up its run.

Airflow also cancels a trigger that moves to another triggerer, or that stops with its process; the task is then still
deferred and its run must go on.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Protocol

from asgiref.sync import sync_to_async

if TYPE_CHECKING:
    from airflow.models.taskinstance import TaskInstance


class _Logger(Protocol):
    def warning(self, message: str, /, *args: object) -> object: ...


# Seconds between two questions: about four minutes, because a run that nobody watches any more costs money.
_PAUSES = (1.0, 2.0, 5.0, 10.0, 20.0, 40.0, 60.0, 60.0)


async def is_still_deferred(task_instance: Any, log: _Logger) -> bool:
    """Ask Airflow for the state of the trigger's task; ``True`` means that the trigger lives on elsewhere.

    :param log: told when Airflow does not answer; it is asked again then, for minutes.
    """
    for pause in _PAUSES:
        try:
            return await sync_to_async(_state)(task_instance) == "deferred"
        except Exception as trouble:  # noqa: BLE001 - each Airflow has errors of its own
            log.warning("Airflow does not tell the state of the task; asking again: %s", trouble)
        await asyncio.sleep(pause)
    return await sync_to_async(_state)(task_instance) == "deferred"


def _state(ti: Any) -> str | None:
    try:
        from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance  # noqa: PLC0415 - Airflow 3
    except ImportError:
        return _state_in_database(ti)
    map_index = None if ti.map_index is None or ti.map_index < 0 else ti.map_index
    states = RuntimeTaskInstance.get_task_states(
        dag_id=ti.dag_id,
        task_ids=[ti.task_id],
        run_ids=[ti.run_id],
        map_index=map_index,
    )
    key = ti.task_id if map_index is None else f"{ti.task_id}_{map_index}"
    state = states.get(ti.run_id, {}).get(key)
    return None if state is None else str(getattr(state, "value", state))


def _state_in_database(ti: TaskInstance) -> str | None:
    """Ask Airflow 2, whose triggerer reads the database itself."""
    from airflow.models.taskinstance import TaskInstance  # noqa: PLC0415 - Airflow 2 only
    from airflow.utils.session import create_session  # noqa: PLC0415 - Airflow 2 only

    with create_session() as session:
        row = session.get(TaskInstance, ti.id) if getattr(ti, "id", None) else None
        if row is None:
            row = (
                session.query(TaskInstance)
                .filter_by(dag_id=ti.dag_id, task_id=ti.task_id, run_id=ti.run_id, map_index=ti.map_index)
                .one_or_none()
            )
        return None if row is None or row.state is None else str(row.state)
