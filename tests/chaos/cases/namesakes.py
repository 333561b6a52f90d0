"""A DAG run is deleted, and another of the same name is started: it has a run of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.chaos.acts import kill_machine, kill_worker
from tests.chaos.case import STARTS, Case, Fault, hold, nothing
from tests.chaos.moments import finished, struck, watched
from tests.chaos.user_acts import begin_again

_SECTION = "A DAG run is deleted, and another of the same name started"
_OWN = "The new one uses its own run, never that of the old one."
_LONG = {"durationSecs": 100, "items": 3}
_LEFT: dict[str, Any] = {"wait_for_completion": False}
_HELD: Fault = hold(STARTS, after_commit=True)


def _namesake(key: str, happens: str, **details: Any) -> Case:
    usual: dict[str, Any] = {
        "run_input": _LONG,
        "runs": ("SUCCEEDED", "SUCCEEDED"),
        "also": ("ABORTED", "SUCCEEDED"),  # what goes on and is older may be aborted
        "clears": 1,
        "tries": 2,
        "spare_tries": 1,  # Airflow may take the exit of the old one's worker for that of the new one's
    }
    return Case(key=f"namesake_{key}", section=_SECTION, happens=happens, then=_OWN, **usual | details)


def _cases() -> Iterator[Case]:
    yield _namesake(
        "of_left_run",
        "while the old one's run goes on (`wait_for_completion=False`)",
        operator=_LEFT,
        tries=1,
        spare_tries=0,
        acts=begin_again(finished, nothing),
    )
    yield _namesake(
        "of_left_run_dies",
        "while the old one's run goes on (`wait_for_completion=False`); the new one's worker is killed before the "
        "answer to its start arrives",
        operator=_LEFT,
        acts=begin_again(finished, kill_worker(struck), _HELD),
    )
    yield _namesake(
        "of_left_run_machine_dies",
        "while the old one's run goes on (`wait_for_completion=False`); the new one's machine dies before the answer "
        "to its start arrives",
        operator=_LEFT,
        acts=begin_again(finished, kill_machine(struck), _HELD),
    )
    yield _namesake(
        "of_left_run_in_doubt",
        "while the old one's run goes on (`wait_for_completion=False`); the answer to the new one's start is lost",
        operator=_LEFT,
        tries=1,
        spare_tries=0,
        acts=begin_again(finished, struck, {**STARTS, "action": "cut-after-commit"}),
    )
    yield from _namesake(
        "of_kept_run_dies",
        "while the old one's run goes on (`abort_on_kill=False`); the new one's worker is killed before the answer to "
        "its start arrives",
        operator={"abort_on_kill": False},
        acts=begin_again(watched, kill_worker(struck), _HELD),
    ).both_ways()
    yield from _namesake(
        "of_aborted_run_dies",
        "while the old one's run goes on (it is aborted); the new one's worker is killed before the answer to its "
        "start arrives",
        runs=("ABORTED", "SUCCEEDED"),
        acts=begin_again(watched, kill_worker(struck), _HELD),
    ).both_ways()


CASES = tuple(_cases())
