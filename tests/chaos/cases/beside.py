"""Another task of the DAG run is cleared while this one waits for its retry: nobody has asked for a second run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tests.chaos.acts import kill_worker, shut_worker_down
from tests.chaos.case import BESIDE, ITEMS, Acts, Case, hold
from tests.chaos.cases import deployments, kills
from tests.chaos.moments import struck
from tests.chaos.user_acts import clear_another

SECTION = "Another task of the DAG run is cleared"
_READS: Mapping[str, Any] = {"method": "GET", "path": "/v2/datasets/*/items"}
_HOLD_SECONDS = 20.0
"""For longer than a worker has that is told to stop."""
_DELAY = 8
"""Seconds before the retry: the clear comes in between."""


def _after_deaths() -> Iterator[Case]:
    """Yield each death of a worker or its machine, and the clear after it."""
    for case in (*kills.CASES, *deployments.CASES):
        if case.shape == "actor" and not (case.is_alone or case.storm) and case.tries == 2:
            yield case.like(
                key=f"beside_{case.key}",
                section=SECTION,
                happens=f"before the retry, when {case.section[0].lower()}{case.section[1:]} {case.happens}",
                shape=BESIDE,
                operator={**case.operator, "retry_delay": _DELAY},
                acts=clear_another(case.acts),
                is_quick=False,
                has_plain=False,
            )


def _after_reading(key: str, happens: str, acts: Acts) -> Case:
    return Case(
        key=f"beside_{key}",
        section=SECTION,
        happens=f"before the retry, when {happens} (`@task.apify_actor`, `return_items`)",
        then="The retry reads the items of the same run.",
        shape=ITEMS,
        tries=2,
        operator={"return_items": 10, "retry_delay": _DELAY},
        faults=(hold(_READS, after_commit=True, seconds=_HOLD_SECONDS),),
        acts=clear_another(acts),
    )


_READINGS = (
    _after_reading("items_dies", "the worker was killed while it read the items", acts=kill_worker(struck)),
    _after_reading(
        "items_shut_down",
        "the worker was shut down (SIGTERM), and killed, while it read the items",
        acts=shut_worker_down(struck),
    ),
)

CASES = (*_after_deaths(), *(case for reading in _READINGS for case in reading.both_ways()))
