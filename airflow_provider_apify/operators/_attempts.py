"""Which attempt this is, and what Airflow keeps of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowException, get_current_context

from airflow_provider_apify.links import stored_run_id

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context


def attempt_of(context: Context) -> dict[str, Any]:
    """Return what tells a resumed task whether the event is its own."""
    return {"attempt": context["ti"].try_number}


def is_of_another(attempt: int | None, context: Context) -> bool:
    """Tell whether an event was meant for an earlier attempt: Airflow 3.0 keeps it for the retry."""
    return attempt is not None and attempt != context["ti"].try_number


def run_id_of_this_task() -> str | None:
    """Find the run of the task that this process works for, where another process has started it."""
    try:
        return stored_run_id(get_current_context())
    except (RuntimeError, AirflowException):  # no task is running here
        return None
