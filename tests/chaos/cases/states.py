"""A task in each state, as something finds it that happens to all tasks at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.chaos.acts import in_storm, lost_between_tries
from tests.chaos.case import DRIPS, FULL, LOOKS, SHORT, STARTS, Case
from tests.chaos.moments import Moment, struck, struck_and_deferred, watched

LOG: Mapping[str, Any] = {**LOOKS, "path": "/v2/actor-runs/*/log"}
"""What a resumed task asks for first."""
_GOES_ON = {"durationSecs": 110, "items": 3}
_ENDS_MEANWHILE = {"durationSecs": 50, "items": 3}
_TAKES = "The retry takes the result of the run that is finished."
_MANY_RETRIES: Mapping[str, Any] = {"retries": 8, "retry_delay": 15}
"""Airflow spends tries of its own then: on workers that cannot tell it that they begin, or have ended."""


def _state(key: str, happens: str, then: str, moment: Moment, **details: Any) -> Case:
    usual: dict[str, Any] = {
        "run_input": _GOES_ON,
        "operator": _MANY_RETRIES,
        "spare_tries": 5,
        "acts": in_storm(moment),
    }
    return Case(key=key, section="", happens=happens, then=then, **usual | details)


STARTING, STARTING_DEFERRED = _state(
    "starting",
    "while Apify starts the run",
    "The run is found at Apify by its marker, and gone on with.",
    struck,
    tries=2,
    faults=({**STARTS, **DRIPS},),
).both_ways()
WATCHED = _state(
    "watched",
    "while a worker waits for the run",
    "The run is left for the retry, which goes on with it.",
    watched,
    tries=2,
)
DEFERRED = _state(
    "deferred", "while the triggerer watches the run", "The triggerer watches on.", watched, deferrable=True
)
ENDING = _state(
    "ending",
    "and the run, which the triggerer watches, ends meanwhile",
    "The task takes its result.",
    watched,
    deferrable=True,
    run_input=_ENDS_MEANWHILE,
)
RESUMED = _state(
    "resumed",
    "when the task has been resumed, and reads what became of the run",
    _TAKES,
    struck,
    deferrable=True,
    run_input={"durationSecs": 2, "items": 3, "logLines": 20},
    faults=({**LOG, **DRIPS},),
)
BETWEEN_TRIES = _state(
    "between_tries",
    "between two tries, while the run goes on (the worker was killed)",
    "The retry goes on with the run.",
    lost_between_tries,
    tries=2,
    operator={**_MANY_RETRIES, "retry_delay": 60},
)
FULL_DEFERRED = _state(
    "full",
    "while the task is deferred, because Apify has no capacity",
    "It is asked again until there is room.",
    struck_and_deferred,
    deferrable=True,
    run_input=SHORT,
    operator={**_MANY_RETRIES, "wait_for_capacity": 600},
    faults=({**FULL, "times": 3},),
)

STATES = (STARTING, STARTING_DEFERRED, WATCHED, DEFERRED, ENDING, RESUMED, BETWEEN_TRIES)
