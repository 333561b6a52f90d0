"""What is killed, when, and when it comes back: at conditions, never after a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.fleet.load import ANY_TASK, CRAWL, SAVE, Load
from tests.fleet.losses import NOT_TAKEN
from tests.fleet.topology import BROKER, SCHEDULERS, TRIGGERERS, WORKERS
from tools.lab import wait_until

Condition = Callable[[Load], Callable[[], bool]]
"""Is asked once when one begins to wait, for what is there by then; what it returns tells when to go on."""
POLL_SECONDS = 2.0


@dataclass(frozen=True)
class Blow:
    """A part that is killed with SIGKILL, and comes back.

    :param when: it is killed.
    :param until: it stays away.
    :param words: both, for the documentation.
    """

    part: str
    when: Condition
    until: Condition
    words: str


@dataclass(frozen=True)
class Struck:
    """A blow that has fallen.

    :param away: for how many seconds the part was away.
    :param is_late: whether all was over before its moment came.
    """

    blow: Blow
    away: float
    is_late: bool = False


def started(share: float) -> Condition:
    """So much of all runs have been started at Apify."""
    return lambda load: lambda: load.started() >= share * load.size.runs


def done(task_id: str, share: float) -> Condition:
    """So many of all instances of a task have succeeded."""
    return lambda load: lambda: load.in_state("success", task_id) >= share * load.size.runs


def deferred(share: float) -> Condition:
    """So many of all tasks wait in the triggerers at this moment."""
    return lambda load: lambda: load.in_state("deferred", CRAWL) >= share * load.size.runs


def broker_is_missed(load: Load) -> Callable[[], bool]:
    """Airflow has failed another queued task, which it could not hand to the broker."""
    before = load.lost()[NOT_TAKEN]
    return lambda: load.lost()[NOT_TAKEN] > before


def taken_over(load: Load) -> Callable[[], bool]:
    """One triggerer alone watches all deferred tasks."""

    def is_taken_over() -> bool:
        which = {"job_type": "TriggererJob", "is_alive": True}
        alive = {job["id"] for job in load.fleet.client.call("GET", "/jobs", params=which)["jobs"]}
        deferred = load.fleet.client.entries(ANY_TASK, "task_instances", state="deferred")
        watching = {task["triggerer_job"] and task["triggerer_job"]["id"] for task in deferred}
        return len(alive) == 1 and watching <= alive

    return is_taken_over


BLOWS: Sequence[Blow] = (
    Blow(WORKERS[0], started(0.1), started(0.25), "a tenth of the runs were started, until a quarter were"),
    Blow(BROKER, started(0.4), broker_is_missed, "two fifths were started, until a queued task had failed"),
    Blow(TRIGGERERS[0], deferred(0.05), taken_over, "a twentieth of the tasks were deferred, until the other had them"),
    Blow(SCHEDULERS[0], done(CRAWL, 0.4), done(CRAWL, 0.5), "two fifths of the runs were over, until half were"),
    Blow(BROKER, done(CRAWL, 0.7), broker_is_missed, "seven tenths were over, until a queued task had failed"),
    Blow(WORKERS[1], done(SAVE, 0.2), done(SAVE, 0.4), "a fifth of the files were written, until two fifths were"),
)


def strike(load: Load, blow: Blow, *, timeout: float, tell: Callable[[str], None]) -> Struck:
    """Wait for a blow's moment, kill the part, and bring it back when it is time, or when all is over.

    :param timeout: seconds for each of the two conditions.
    :raises TimeoutError: the moment has not come.
    """
    is_late = _wait_for(blow.when(load), f"the moment to kill the {blow.part}", load, timeout)
    tell(f"kill {blow.part}")
    back = blow.until(load)
    load.fleet.kill(blow.part)
    began = time.monotonic()
    try:
        _wait_for(back, f"the {blow.part} to come back", load, timeout)
    finally:
        load.fleet.bring_back(blow.part)
    away = time.monotonic() - began
    tell(f"{blow.part} is back after {away:.0f} s")
    return Struck(blow, away, is_late)


def _wait_for(condition: Callable[[], bool], what: str, load: Load, timeout: float) -> bool:
    """Wait for a condition; return whether all was over before."""

    def come() -> str | None:
        return "come" if condition() else "over" if load.is_over() else None

    return wait_until(come, what, timeout=timeout, poll=POLL_SECONDS) == "over"
