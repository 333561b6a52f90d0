"""What is done when a run is over. None of it changes how the task ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_apify.exceptions import ApifyError

if TYPE_CHECKING:
    from airflow_provider_apify._airflow.logs import TaskLog
    from airflow_provider_apify.hooks.apify import ApifyHook
    from airflow_provider_apify.models.runs import ActorRun
    from airflow_provider_apify.models.storages import Dataset


def dataset_of(hook: ApifyHook, run: ActorRun, log: TaskLog) -> Dataset | None:
    """Return the run's dataset, with the count of its items; ``None`` where that cannot be told."""
    if run.dataset_id is None:
        return None
    try:
        return hook.get_dataset(run.dataset_id)
    except ApifyError as error:
        log.warning("The run is good, but its dataset could not be counted: %s", error)
        return None


def copy_log(hook: ApifyHook, run: ActorRun, lines: int, log: TaskLog) -> None:
    """Copy the last lines of the run's log; a log that cannot be read never fails the task."""
    if lines <= 0:
        return
    try:
        tail = hook.get_log_tail(run.id, lines)
    except ApifyError as error:
        log.warning("The log of run %s could not be read: %s", run.id, error)
        return
    # Airflow 2 sorts what it shows by the times that lines begin with: these must stay below their heading.
    log.info("Last %d lines of the log of run %s:\n%s", len(tail), run.id, "\n".join(f"| {line}" for line in tail))
