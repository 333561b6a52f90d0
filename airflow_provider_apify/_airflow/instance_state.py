"""Ask Airflow for the state of a task instance, from a worker or from the triggerer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.models.taskinstance import TaskInstance


def state_of(ti: Any) -> str | None:
    """Return the state that a task instance has by now; ``None`` where it has none, or is gone.

    :param ti: as a context or a trigger has it. Another attempt of it may be at work: the state is that one's then.
    :raises Exception: Airflow does not answer; each Airflow has errors of its own.
    """
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
    """Ask Airflow 2, whose workers and triggerers read the database themselves."""
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
