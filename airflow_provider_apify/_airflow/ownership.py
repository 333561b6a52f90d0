"""Who owns a run when the process that watches it ends.

Airflow stops a process for many reasons: a user marks or clears its task, a deployment, an API server that is away, a
machine that slept while another attempt took over. The signal is the same. Airflow's word for the task tells them
apart, so it is asked, outside of the signal handler.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum


class End(Enum):
    """How a process that watches a run ends without having seen the run's end."""

    WORKER = "the worker's process is told to stop"
    LAUNCHER = "the same, where the task only starts the run and does not wait for it"
    TRIGGER = "the trigger is cancelled"


NO_ANSWER = "no answer"
"""In place of a state: Airflow's API server is away, and with it whoever could give a run up."""
_GOES_ON = frozenset({"running", "queued", "scheduled", "deferred", "up_for_retry", "up_for_reschedule", NO_ANSWER})

KEEPS: Mapping[End, frozenset[str]] = {
    # "running": a deployment, or an API server that was away; the next attempt goes on with the run.
    # "deferred", "queued", ...: another attempt owns the run already.
    End.WORKER: _GOES_ON,
    # "success": by a user or by another attempt, the run is wanted.
    End.LAUNCHER: _GOES_ON | {"success"},
    # The trigger has moved to another triggerer, or failed there. Else the task does not wait any more.
    End.TRIGGER: frozenset({"deferred", "up_for_retry", "up_for_reschedule"}),
}
"""The states of the task in which its run goes on; in all others ("failed", "success", "restarting", none, because the
task was cleared or deleted, ...) a user has given it up, and it is aborted."""


def is_given_up(end: End, state: str | None) -> bool:
    """Tell whether nobody wants the run any more.

    :param state: of the task, as Airflow tells it when the process ends; ``None`` where there is no such task.
    """
    return state not in KEEPS[end]
