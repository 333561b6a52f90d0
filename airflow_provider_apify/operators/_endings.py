"""What is done when a run is over, or nobody watches it any more. None of it changes how the task ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from airflow.providers.common.compat.sdk import AirflowNotFoundException

from airflow_provider_apify._api.flows import RetryPolicy
from airflow_provider_apify._api.starting import Order
from airflow_provider_apify.exceptions import ApifyError
from airflow_provider_apify.triggers.run import ABORT_ATTEMPTS

if TYPE_CHECKING:
    from airflow_provider_apify.hooks.apify import ApifyHook
    from airflow_provider_apify.models import ActorRun

# What was started last is looked for so patiently: about five minutes for each question.
_ABANDON_RETRY = RetryPolicy(max_delay=8.0)


class _Logger(Protocol):
    def info(self, message: str, /, *args: object) -> Any: ...
    def warning(self, message: str, /, *args: object) -> object: ...
    def error(self, message: str, /, *args: object) -> object: ...


def stop(hook: ApifyHook, run: ActorRun, log: _Logger) -> str:
    """Abort a run unless somebody has already, and say what became of it."""
    return abort_unwatched(hook, run.id, log) if run.is_going else f"it is {run.status} now"


def abort_unwatched(hook: ApifyHook, run_id: str, log: _Logger) -> str:
    """Abort a run that nobody will watch any more, and say what became of it."""
    try:
        run = hook.abort_run(run_id, attempts=ABORT_ATTEMPTS)
    except (ApifyError, ValueError, AirflowNotFoundException) as trouble:
        log.error("Run %s could not be aborted and may go on: %s", run_id, trouble)  # noqa: TRY400 - the cause follows
        return "it could not be aborted and may go on"
    log.info("Nobody watches run %s any more: it is %s now.", run_id, run.status)
    return f"it is {run.status} now"


def abandon_unwatched(hook: ApifyHook, sent: tuple[Order, float], log: _Logger) -> None:
    """Abort the run of a start of which it is unknown whether it was done, and that nobody will look for any more.

    :param sent: the start, and the Unix time when it was sent.
    """
    try:
        hook.with_retry(_ABANDON_RETRY).abandon_start(*sent, log.info, is_patient=True)
    except ApifyError as trouble:
        words = "A run may have been started and go on: look in Apify Console for one whose User-Agent ends in %s (%s)"
        log.error(words, sent[0].identity.marker, trouble)  # noqa: TRY400 - the cause follows


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
