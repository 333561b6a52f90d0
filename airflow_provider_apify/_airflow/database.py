"""What the API server of Airflow 3, which has the database, may do in it: tell assets something, and wake tasks."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow.assets.manager import asset_manager
from airflow.models.asset import (
    AssetEvent,
    AssetModel,
    DagScheduleAssetNameReference,
    DagScheduleAssetReference,
    DagScheduleAssetUriReference,
)
from airflow.models.dag import DagModel
from airflow.models.taskinstance import TaskInstance
from airflow.models.trigger import Trigger
from airflow.triggers.base import TriggerEvent
from airflow.utils.session import create_session
from sqlalchemy import Text, cast, or_, select, update

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

_PARTITIONS = hasattr(AssetEvent, "partition_key")
"""Whether this Airflow starts DAGs by partition: 3.2 and later."""


def asset_uris(start: str) -> list[str]:
    """Return the URIs of all assets that begin so."""
    with create_session() as session:
        return list(session.scalars(select(AssetModel.uri).where(AssetModel.uri.startswith(start, autoescape=True))))


@dataclass(frozen=True)
class News:
    """Something that assets are told once, however often it comes.

    :param key: what each DAG run that is partitioned is about; and a part of ``extra``.
    :param extra: of the events, as plain JSON.
    :param since: before this, nobody can have told it.
    :param is_same: tells by the extra of another event whether that has told the same.
    """

    key: str
    extra: dict[str, Any]
    since: datetime
    is_same: Callable[[dict[str, Any]], bool]


def tell_assets(uris: Iterable[str], news: News) -> bool:
    """Make an event of each asset that has not been told yet; all at once, so that a DAG of two of them starts once.

    DAGs that are partitioned are started by an event with a key only, and others only by one without.

    :return: whether there was an asset to be told.
    """
    with create_session() as session:
        chosen = select(AssetModel.id).where(AssetModel.uri.in_(list(uris))).order_by(AssetModel.id)
        ids = list(session.scalars(chosen))
    with create_session() as session:
        for asset_id in ids:
            # Whoever tells the same in another process waits here: also on SQLite, which cannot lock a row by reading.
            session.execute(update(AssetModel).where(AssetModel.id == asset_id).values(uri=AssetModel.uri))
        assets = session.scalars(select(AssetModel).where(AssetModel.id.in_(ids))).all()
        untold = [asset for asset in assets if not _was_told(asset, news, session)]
        for asset in untold:
            for key in _keys(asset, news.key, session):
                asset_manager.register_asset_change(asset=asset, extra=news.extra, partition_key=key, session=session)
    return bool(untold)


def _was_told(asset: AssetModel, news: News, session: Session) -> bool:
    events = select(AssetEvent).where(
        AssetEvent.asset_id == asset.id,
        AssetEvent.timestamp >= news.since,
        cast(AssetEvent.extra, Text).contains(news.key, autoescape=True),
    )
    return any(news.is_same(event.extra) for event in session.scalars(events))


def _keys(asset: AssetModel, key: str, session: Session) -> Collection[str | None]:
    """Return the keys of the events by which all DAGs that are scheduled on an asset start."""
    if not _PARTITIONS:
        return [None]
    scheduled = (
        select(DagScheduleAssetReference.dag_id).where(DagScheduleAssetReference.asset_id == asset.id),
        select(DagScheduleAssetNameReference.dag_id).where(DagScheduleAssetNameReference.name == asset.name),
        select(DagScheduleAssetUriReference.dag_id).where(DagScheduleAssetUriReference.uri == asset.uri),
    )
    dags = or_(*(DagModel.dag_id.in_(each) for each in scheduled))
    are_partitioned = set(session.scalars(select(DagModel.timetable_partitioned).where(dags)))
    return [key if each else None for each in sorted(are_partitioned or {False})]


@dataclass(frozen=True)
class WaitingTrigger:
    """A trigger by which a task is deferred.

    :param arguments: its own.
    :param since: when the task was deferred.
    """

    id: int
    arguments: dict[str, Any]
    since: datetime


def waiting_triggers(trigger: type, word: str) -> list[WaitingTrigger]:
    """Return the triggers of a class by which tasks are deferred, with a word among their arguments.

    Where Airflow has encrypted those, they are not found.
    """
    path = f"{trigger.__module__}.{trigger.__qualname__}"
    with create_session() as session:
        rows = session.scalars(
            select(Trigger).where(
                Trigger.classpath == path,
                Trigger.encrypted_kwargs.contains(word, autoescape=True),
                Trigger.id.in_(select(TaskInstance.trigger_id).where(TaskInstance.state == "deferred")),
            )
        )
        return [WaitingTrigger(row.id, row.kwargs, row.created_date) for row in rows]


def wake(trigger_id: int, payload: dict[str, Any]) -> None:
    """Let a trigger have fired; nothing happens where it has done so by itself."""
    with create_session() as session:
        # Whoever wakes the same waits here, and then finds nobody: it would set a task back that is at work by now.
        waits = TaskInstance.trigger_id == trigger_id, TaskInstance.state == "deferred"
        session.execute(update(TaskInstance).where(*waits).values(trigger_id=trigger_id))
        Trigger.submit_event(trigger_id, TriggerEvent(payload), session=session)  # type: ignore[no-untyped-call]
