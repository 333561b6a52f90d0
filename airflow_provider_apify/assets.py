"""What Apify has as assets of Airflow, and what DAGs that assets start read of its runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_apify._airflow.assets import create_asset

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Asset


def actor_asset(actor_id: str, **kwargs: Any) -> Asset:
    """Return an Actor as an asset, for ``inlets``, or as what an ``AssetWatcher`` watches.

    :param actor_id: Actor ID, ``username/actor-name``, or the address of its page at Apify.
    :param kwargs: of Airflow's ``Asset``, for example ``extra``, and on Airflow 3 ``name``, ``group`` or ``watchers``.
        The name is ``apify://actor/username~actor-name`` otherwise, the same as the URI.
    :raises ValueError: no Actor can have this ID; a template, which Airflow renders in no asset.
    """
    return create_asset(kind="actor", reference=actor_id, **kwargs)


def task_asset(actor_task_id: str, **kwargs: Any) -> Asset:
    """Return a saved Apify task as an asset: ``apify://task/username~task-name``.

    :param actor_task_id: its ID, ``username/task-name``, or the address of its page at Apify.
    :param kwargs: as of :func:`actor_asset`.
    :raises ValueError: as of :func:`actor_asset`.
    """
    return create_asset(kind="task", reference=actor_task_id, **kwargs)


def dataset_asset(dataset_id: str, **kwargs: Any) -> Asset:
    """Return a dataset as an asset, for ``outlets``, ``inlets`` and ``schedule``: ``apify://dataset/username~name``.

    :param dataset_id: its ID, ``username/name``, or the address of its page at Apify. The default dataset of a run has
        another ID each time: give an ``AssetAlias`` among the ``outlets`` for that.
    :param kwargs: as of :func:`actor_asset`.
    :raises ValueError: as of :func:`actor_asset`.
    """
    return create_asset(kind="dataset", reference=dataset_id, **kwargs)


def finished_runs(triggering_asset_events: Mapping[Any, Iterable[Any]]) -> list[dict[str, Any]]:
    """Return the runs that have started a DAG run, in the order of their ends, each end once.

    The runs are in the events of :class:`ApifyRunFinishedTrigger
    <airflow_provider_apify.triggers.run_finished.ApifyRunFinishedTrigger>`, and in those that a webhook has brought;
    events of others count for nothing here.

    :param triggering_asset_events: as Airflow's context has them: events by their assets.
    :return: each as :meth:`ActorRun.to_dict() <airflow_provider_apify.models.ActorRun.to_dict>`, with a cost that may
        still grow a little; a watcher's without a status message, as lists tell of it. A run or storage argument takes
        it.
    """
    told = [run for events in triggering_asset_events.values() for event in events for run in runs_told(event.extra)]
    once = {(run["run_id"], run["finished_at"]): run for run in told}
    return sorted(once.values(), key=lambda run: str(run["finished_at"]))


def runs_told(extra: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the runs that the extra of one event tells of."""
    payload = extra.get("payload")
    return list(payload.get("runs", ())) if isinstance(payload, Mapping) else []
