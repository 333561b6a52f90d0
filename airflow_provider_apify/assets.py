"""What DAGs that assets start read of Apify's runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def finished_runs(triggering_asset_events: Mapping[Any, Iterable[Any]]) -> list[dict[str, Any]]:
    """Return the runs that have started a DAG run, in the order of their ends, each end once.

    The runs are in the events of :class:`ApifyRunFinishedTrigger
    <airflow_provider_apify.triggers.run_finished.ApifyRunFinishedTrigger>`; events of others count for nothing here.

    :param triggering_asset_events: as Airflow's context has them: events by their assets.
    :return: each as :meth:`ActorRun.to_dict() <airflow_provider_apify.models.ActorRun.to_dict>`; as lists tell of it,
        so without a status message, and with a cost that may still grow a little. A run or storage argument takes it.
    """
    payloads = (event.extra.get("payload") for events in triggering_asset_events.values() for event in events)
    told = [run for payload in payloads if isinstance(payload, Mapping) for run in payload.get("runs", ())]
    once = {(run["run_id"], run["finished_at"]): run for run in told}
    return sorted(once.values(), key=lambda run: str(run["finished_at"]))
