"""What a task notes of somebody else's run before it changes it, so that a retry can tell what was done already."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_apify._airflow.attempts import rerun_of
from airflow_provider_apify._airflow.state_store import TaskNotes
from airflow_provider_apify.models.runs import ActorRun

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

_KEY = "apify_run_history"


def history_before(context: Context, run: ActorRun) -> dict[str, int]:
    """Return the history of a run of before the first attempt of this task that changed it, and note it for the next.

    Before Airflow 3.3 this is the run's history as it is now.
    """
    state, rerun = TaskNotes(context, _KEY), rerun_of(context)
    noted = state.read()
    if (noted.get("run_id"), noted.get("rerun")) != (run.id, rerun):
        noted = {"run_id": run.id, "rerun": rerun, "history": run.history}
        state.note(noted)
    history: dict[str, int] = noted["history"]
    return history


def was_seen(context: Context, run_id: str) -> bool:
    """Tell whether an attempt of this task has noted the run's history. Before Airflow 3.3 nobody knows: ``False``."""
    return TaskNotes(context, _KEY).read().get("run_id") == run_id
