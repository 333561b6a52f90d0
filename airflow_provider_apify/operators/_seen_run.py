"""What a task notes of somebody else's run before it changes it, so that a retry can tell what was done already.

Airflow 3.3 and later keep a small state for each task instance, through retries and clears. Older ones keep nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_apify.models.runs import ActorRun

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

_KEY = "apify_run_history"


def history_before(context: Context, run: ActorRun) -> dict[str, int]:
    """Return the history of a run of before the first attempt of this task that changed it, and note it for the next.

    Before Airflow 3.3 this is the run's history as it is now.
    """
    noted = _noted(context, run.id)
    rerun = context["ti"].max_tries  # a clear raises it, a retry does not
    if noted.get("rerun") != rerun:
        noted = {"run_id": run.id, "rerun": rerun, "history": run.history}
        _note(context, noted)
    history: dict[str, int] = noted["history"]
    return history


def was_seen(context: Context, run_id: str) -> bool:
    """Tell whether an attempt of this task has noted the run's history. Before Airflow 3.3 nobody knows: ``False``."""
    return bool(_noted(context, run_id))


def _noted(context: Context, run_id: str) -> dict[str, Any]:
    store: Any = context.get("task_state_store")
    noted = store.get(_KEY, default=None) if store is not None else None
    return noted if isinstance(noted, dict) and noted.get("run_id") == run_id else {}


def _note(context: Context, noted: dict[str, Any]) -> None:
    store: Any = context.get("task_state_store")
    if store is not None:
        store.set(_KEY, noted)
