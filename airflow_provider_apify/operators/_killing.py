"""What a killed task does to its run, out of a signal handler, in the few seconds that Airflow leaves it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from airflow_provider_apify._api.flows import RetryPolicy
from airflow_provider_apify._api.starting import Order
from airflow_provider_apify.exceptions import ApifyError
from airflow_provider_apify.models import run_url

if TYPE_CHECKING:
    from airflow_provider_apify.hooks.apify import ApifyHook

# Airflow kills the process 5 seconds after ``on_kill`` begins.
_RETRY = RetryPolicy(attempts=4, first_delay=0.2)


class _Logger(Protocol):
    def info(self, message: str, /, *args: object) -> object: ...
    def error(self, message: str, /, *args: object) -> object: ...


def abort_at_once(hook: ApifyHook, run_id: str | None, sent: tuple[Order, float] | None, log: _Logger) -> None:
    """Abort a run, and what a start may just be making.

    The handler interrupts anything, also a question to Airflow or a line of the log, whose locks are held then: to ask
    or to log would wait for ever. So Airflow is asked nothing, and the log comes last.

    :param hook: whose connection has been looked up; its session may be in use, so it is not used.
    :param run_id: the run that the task watches, or an earlier attempt has watched.
    :param sent: a start whose run is not known yet, and the Unix time when it was sent.
    """
    killer, done = hook.with_retry(_RETRY), []
    trouble: ApifyError | None = None
    try:
        if run_id is not None:
            done.append(f"Run {run_id} is {killer.abort_run(run_id).status} now.")
        if sent is not None:
            killer.abandon_start(*sent, done.append, is_patient=False)
    except ApifyError as error:
        trouble = error
    for words in done:
        log.info("The task was killed. %s", words)
    if trouble is not None:
        where = run_url(run_id) if run_id else "Apify Console"
        log.error("The run may go on and cost money; look at %s: %s", where, trouble)
