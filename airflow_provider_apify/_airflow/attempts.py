"""Which attempt this is, and what Airflow keeps of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context


def attempt_of(context: Context) -> dict[str, Any]:
    """Return what tells a resumed task whether the event is its own."""
    return {"attempt": context["ti"].try_number}


def is_of_another(attempt: int | None, context: Context) -> bool:
    """Tell whether an event was meant for an earlier attempt: Airflow 3.0 keeps it for the retry."""
    return attempt is not None and attempt != context["ti"].try_number


def rerun_of(context: Context) -> int:
    """Return what tells deliberate reruns apart: a clear raises it, a retry does not."""
    return int(context["ti"].max_tries)


def is_retry(context: Context) -> bool:
    """Tell whether an attempt, since the task was last cleared, came before this one."""
    ti, retries = context["ti"], context["task"].retries or 0
    # A clear sets ``max_tries`` to the attempts so far and as many retries as the task has.
    return bool(ti.try_number > ti.max_tries - retries + 1)


def has_tries_left(ti: Any) -> bool:
    """Tell whether Airflow would try again: Airflow 2 asks how many retries the task has by now, too."""
    asks = getattr(ti, "is_eligible_to_retry", None)
    return bool(asks()) if asks else ti.try_number <= ti.max_tries
