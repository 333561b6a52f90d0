"""What Airflow itself lost: attempts that ended without their task's doing, as its event log tells them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

DEAD, MISMATCH, STUCK = "heartbeat timeout", "state mismatch", "stuck in queued tries exceeded"
"""What the event log calls them."""
REQUEUED = "stuck in queued reschedule"
"""A task that stayed queued for too long, and is queued again: the same attempt."""
WORKER_DIED = "its worker was dead"
NOT_TAKEN = "it was queued, and the broker did not take it"
OVERTAKEN = "Airflow read its deferral too late"
OTHERWISE = "otherwise"
WAYS = (WORKER_DIED, NOT_TAKEN, OVERTAKEN, OTHERWISE)
"""How an attempt is lost."""
_MISMATCH = re.compile(r"finished with state (\w+), but the task instance's state attribute is (\w+)")


def lost_attempts(events: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Count attempts, each once, by how they were lost.

    :param events: of Airflow's event log; others than those that it calls :data:`DEAD` and so on do not count.
    """
    ways: dict[tuple[Any, ...], str] = {}
    # A dead worker's task is told of twice: the executor, too, says that it has failed.
    for event in sorted(events, key=lambda event: event["event"] != DEAD):
        attempt = tuple(event[name] for name in ("run_id", "task_id", "map_index", "try_number"))
        if way := _way(event):
            ways.setdefault(attempt, way)
    counted = Counter(ways.values())
    return {way: counted[way] for way in WAYS}


def _way(event: Mapping[str, Any]) -> str | None:
    if event["event"] == DEAD:
        return WORKER_DIED
    if event["event"] == STUCK:
        return OTHERWISE
    if event["event"] != MISMATCH:
        return None
    said = _MISMATCH.search(event["extra"] or "")
    if said and said[1] == "failed" and said[2] == "queued":
        return NOT_TAKEN
    return OVERTAKEN if said and said[1] == "success" else OTHERWISE
