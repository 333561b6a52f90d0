"""What is done when a run is over, or nobody watches it any more. None of it changes how the task ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from airflow.providers.common.compat.sdk import AirflowNotFoundException

from airflow_provider_apify.exceptions import ApifyError

if TYPE_CHECKING:
    from airflow_provider_apify.hooks.apify import ApifyHook
    from airflow_provider_apify.models import ActorRun

# A run that nobody watches any more costs money: about five minutes.
_ABORT_ATTEMPTS = 12


class _Logger(Protocol):
    def info(self, message: str, /, *args: object) -> object: ...
    def warning(self, message: str, /, *args: object) -> object: ...
    def error(self, message: str, /, *args: object) -> object: ...


def abort_unwatched(hook: ApifyHook, run_id: str, log: _Logger) -> str:
    """Abort a run that nobody will watch any more, and say what became of it."""
    try:
        hook.abort_run(run_id, attempts=_ABORT_ATTEMPTS)
    except (ApifyError, ValueError, AirflowNotFoundException) as trouble:
        log.error("Run %s could not be aborted and may go on: %s", run_id, trouble)  # noqa: TRY400 - the cause follows
        return "it could not be aborted and may go on"
    log.info("Nobody watches run %s any more: aborted it.", run_id)
    return "it is aborted"


def item_count(hook: ApifyHook, run: ActorRun, log: _Logger) -> int | None:
    """Return how many items the run's dataset has; ``None`` where that cannot be told."""
    if run.dataset_id is None:
        return None
    try:
        return hook.get_dataset(run.dataset_id).item_count
    except ApifyError as error:
        log.warning("The run is good, but its dataset could not be counted: %s", error)
        return None


def copy_log(hook: ApifyHook, run: ActorRun, lines: int, log: _Logger) -> None:
    """Copy the last lines of the run's log; a log that cannot be read never fails the task."""
    if lines <= 0:
        return
    try:
        tail = hook.get_log_tail(run.id, lines)
    except ApifyError as error:
        log.warning("The log of run %s could not be read: %s", run.id, error)
        return
    log.info("Last %d lines of the log of run %s:\n%s", len(tail), run.id, "\n".join(tail))
