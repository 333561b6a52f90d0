"""The metrics: what there is to count and to time, and the only place that knows how Airflow sends it.

A status is the end of a name and no tag, as in Airflow's own ``ti_failures``: plain StatsD has no tags. See
docs/metrics.md.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec

from airflow.providers.common.compat.sdk import Stats, conf

from airflow_provider_apify._airflow.state_store import TaskNotes

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_apify.models.runs import ActorRun

P = ParamSpec("P")
_SWITCHES = ("statsd_on", "otel_on", "statsd_datadog_enabled")
_MICROS = 1_000_000
_log = logging.getLogger(__name__)


class Count(StrEnum):
    """What is counted."""

    RUN_STARTED = "apify.run.started"
    RUN_ADOPTED = "apify.run.adopted"
    RUN_RESURRECTED = "apify.run.resurrected"
    RUN_ABORTED = "apify.run.aborted"
    RUN_SUCCEEDED = "apify.run.finished.succeeded"
    RUN_FAILED = "apify.run.finished.failed"
    RUN_FINISHED_ABORTED = "apify.run.finished.aborted"
    RUN_TIMED_OUT = "apify.run.finished.timed_out"
    RUN_COST = "apify.run.cost_usd_micros"
    EXPORT_ITEMS = "apify.export.items"
    EXPORT_BYTES = "apify.export.bytes"
    PUSH_ITEMS = "apify.push.items"
    WATCH_LOOKS = "apify.watch.looks"
    WATCH_FAILURES = "apify.watch.failures"
    WATCH_RUNS = "apify.watch.runs"


class Duration(StrEnum):
    """What is timed."""

    RUN = "apify.run.duration"
    WAIT_SUCCEEDED = "apify.wait.duration.succeeded"
    WAIT_FAILED = "apify.wait.duration.failed"
    WAIT_ABORTED = "apify.wait.duration.aborted"
    WAIT_TIMED_OUT = "apify.wait.duration.timed_out"
    WAIT_UNFINISHED = "apify.wait.duration.unfinished"
    EXPORT = "apify.export.duration"
    PUSH = "apify.push.duration"


def _harmless(tell: Callable[P, None]) -> Callable[P, None]:
    """Do nothing where Airflow sends no metrics, and let nothing that goes wrong with them fail a task."""

    @wraps(tell)
    def told(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            if any(conf.getboolean("metrics", switch, fallback=False) for switch in _SWITCHES):
                tell(*args, **kwargs)
        except Exception as trouble:  # noqa: BLE001 - each Airflow and each backend has errors of its own
            _log.warning("A metric is lost: %s", trouble)

    return told


@_harmless
def count(what: Count, ti: Any = None, by: int = 1) -> None:
    """Count something.

    :param ti: the task instance that it is counted for; ``None`` where there is none.
    :param by: whole numbers only, because not all that take StatsD's counters take others.
    """
    if by > 0:
        Stats.incr(what, by, tags=_tags(ti))


@_harmless
def time(what: Duration, ti: Any, seconds: float) -> None:
    """Tell how long something took."""
    Stats.timing(what, seconds * 1000, tags=_tags(ti))


@_harmless
def time_wait(ti: Any, run: ActorRun, seconds: float | None = None) -> None:
    """Tell how long a task has waited for a run, by how the run was then.

    :param seconds: ``None`` where it has waited since the attempt began.
    """
    took = (datetime.now(UTC) - ti.start_date).total_seconds() if seconds is None else seconds
    time(Duration(f"apify.wait.duration.{_word(run.status) if run.is_finished else 'unfinished'}"), ti, took)


@_harmless
def count_end(context: Context, run: ActorRun) -> None:
    """Count a run's end, its duration, and its cost, each once for a task instance.

    A later attempt may see the same end again, or the end of a run that it has resurrected, whose cost has grown.
    Airflow before 3.3 keeps no note of what was counted.
    """
    notes, ti = TaskNotes(context, "apify_counted"), context["ti"]
    noted = notes.read()
    counted = noted if noted.get("run_id") == run.id else {}
    micros = round((run.usage_total_usd or 0) * _MICROS)
    end = str(run.finished_at) if run.is_finished else None
    count(Count.RUN_COST, ti, micros - counted.get("micros", 0))
    if end is not None and end != counted.get("end"):
        count(Count(f"apify.run.finished.{_word(run.status)}"), ti)
        if run.started_at and run.finished_at:
            time(Duration.RUN, ti, (run.finished_at - run.started_at).total_seconds())
    notes.try_to_note({"run_id": run.id, "end": end, "micros": micros}, _log, "a retry may count the end again")


def _word(status: str) -> str:
    return status.lower().replace("-", "_")


def _tags(ti: Any) -> dict[str, str]:
    """Return what Airflow's own metrics of tasks have; Actors may be as many as the data says, and runs always are."""
    return {} if ti is None else {"dag_id": ti.dag_id, "task_id": ti.task_id}
