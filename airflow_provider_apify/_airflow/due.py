"""When a DAG run was due: what its tasks may count from, in every attempt and after every clear."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

_DAY = timedelta(days=1)
_OF_A_SCHEDULE = frozenset({"scheduled", "backfill"})


def due_of(context: Context) -> datetime:
    """Return when the DAG run was due by its schedule; of one by hand or by an asset, when it was made.

    A clear does not change it, and a backfill's runs have the times at which the schedule would have made them.
    """
    dag_run: Any = context["dag_run"]
    run_after: datetime | None = getattr(dag_run, "run_after", None)
    if run_after is not None:
        return run_after
    # Airflow 2, where the interval of a run by hand has ended before somebody has asked for it.
    is_of_schedule = str(getattr(dag_run.run_type, "value", dag_run.run_type)) in _OF_A_SCHEDULE
    due: datetime = (dag_run.data_interval_end if is_of_schedule else None) or dag_run.logical_date
    return due


def usual_period_of(context: Context) -> timedelta:
    """Return about how long after a DAG run the next one is due: as long as its data interval is.

    A day where it has none, as with the cron timetables of Airflow 3: a worker is not told when the next one is due.
    """
    begin, end = (getattr(context["dag_run"], f"data_interval_{edge}", None) for edge in ("start", "end"))
    return (end - begin if begin and end else None) or _DAY
