"""What DAGs that assets start read of Apify's runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


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
