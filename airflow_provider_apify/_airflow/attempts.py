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
