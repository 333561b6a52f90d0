"""What a task does with Apify, as metrics and as spans."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING, Any

from airflow_provider_apify._airflow.metrics import Count, Duration, count, time, time_wait
from airflow_provider_apify._airflow.traces import span

if TYPE_CHECKING:
    from airflow_provider_apify.models.runs import ActorRun


@contextmanager
def starting() -> Iterator[Callable[[ActorRun], ActorRun]]:
    """Be around the start of a run, and give what takes it, and hands it on."""
    with span("start") as tell:

        def started(run: ActorRun) -> ActorRun:
            tell(run_id=run.id, actor_id=run.actor_id, status=run.status)
            return run

        yield started


@contextmanager
def waiting(ti: Any) -> Iterator[Callable[[ActorRun], None]]:
    """Be around a wait for a run, and give what takes it as it is at the end.

    :param ti: the task instance that waits.
    """
    began = monotonic()
    with span("wait") as tell:

        def ended(run: ActorRun) -> None:
            tell(run_id=run.id, actor_id=run.actor_id, status=run.status)
            time_wait(ti, run, monotonic() - began)

        yield ended


@contextmanager
def exporting(ti: Any) -> Iterator[Callable[[int | None, int], None]]:
    """Be around the writing of files, and give what takes the number of their items, if it is known, and of bytes.

    :param ti: the task instance that writes; ``None`` where somebody calls ``execute`` without one.
    """
    began = monotonic()
    with span("export") as tell:

        def wrote(items: int | None, size: int) -> None:
            tell(items=items, bytes=size)
            count(Count.EXPORT_ITEMS, ti, items or 0)
            count(Count.EXPORT_BYTES, ti, size)
            time(Duration.EXPORT, ti, monotonic() - began)

        yield wrote


@contextmanager
def pushing(ti: Any) -> Iterator[Callable[[int], None]]:
    """Be around a push, and give what takes the number of items."""
    began = monotonic()
    with span("push") as tell:

        def pushed(items: int) -> None:
            tell(items=items)
            count(Count.PUSH_ITEMS, ti, items)
            time(Duration.PUSH, ti, monotonic() - began)

        yield pushed
