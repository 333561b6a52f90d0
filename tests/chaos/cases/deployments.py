"""A deployment ends what runs: SIGTERM for workers, the scheduler and the triggerer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.chaos.acts import in_storm, shut_worker_down, shut_worker_down_again
from tests.chaos.case import ENDLESS, FULL, LONG_HOLD_SECONDS, STARTS, Case, Counts, hold
from tests.chaos.cases.states import (
    BETWEEN_TRIES,
    DEFERRED,
    ENDING,
    FULL_DEFERRED,
    LOG,
    RESUMED,
    STARTING,
    STARTING_DEFERRED,
    WATCHED,
)
from tests.chaos.moments import struck, watched
from tests.chaos.user_acts import mark

_WORKER = "The worker is shut down (SIGTERM)"
_SCHEDULER = "The scheduler is shut down (SIGTERM), with all its workers"
_LEAVES = "Airflow says that the task is still at work, so the run is left; the retry goes on with it."
_FINDS = "The run is left; the retry finds it at Apify by its marker and goes on with it."
_LONG = {"durationSecs": 40, "items": 3}
_LAST = {"retries": 0, "run_timeout": 60}
_NOBODY_IS_TOLD: dict[str, Any] = {
    "then": "The worker is not told, and killed; the run goes on until its own `run_timeout`.",
    "runs": ("TIMED-OUT",),
    "costs": Counts(orphaned=1),
}


def _shut_down(key: str, happens: str, then: str = _LEAVES, **details: Any) -> Case:
    usual: dict[str, Any] = {"tries": 2, "run_input": _LONG, "acts": shut_worker_down(watched)}
    return Case(key=f"worker_is_shut_down{key}", section=_WORKER, happens=happens, then=then, **usual | details)


def _starting(key: str, happens: str, then: str = _FINDS, *, after_commit: bool, **details: Any) -> Case:
    return _shut_down(
        key,
        happens,
        then,
        acts=shut_worker_down(struck),
        # Longer than a worker is given to end. Before 3.3 it is not told, would have the answer by then, and defer.
        faults=(hold(STARTS, after_commit=after_commit, seconds=LONG_HOLD_SECONDS),),
        **details,
    )


def _workers() -> Iterator[Case]:
    yield _shut_down("", "while it waits for the run, as in a deployment", has_plain=True)
    yield _shut_down(
        "_and_run_kept", "while it waits for the run, and `abort_on_kill=False`", operator={"abort_on_kill": False}
    )
    for choice in ("fail", "resurrect"):
        happens = f"while it waits for the run, and `on_failed_run` is `{choice}`"
        yield _shut_down(f"_and_{choice}", happens, operator={"on_failed_run": choice})
    yield _shut_down("_of_saved_task", "while it waits for the run of a saved task", shape="task")
    yield _shut_down(
        "_alone",
        "while it waits for the run, and its supervisor is not",
        acts=shut_worker_down(watched, supervisor=False, worker=True),
    )
    yield _shut_down(
        "_together",
        "while it waits for the run, at the same time as its supervisor",
        acts=shut_worker_down(watched, worker=True),
    )
    yield _shut_down(
        "_twice", "while it waits for the run, and so is the worker of the retry", tries=3, acts=shut_worker_down_again
    )
    yield from _starting(
        "_starting", "when Apify has started the run, before the answer arrives", after_commit=True, has_plain=True
    ).both_ways()
    yield from _starting(
        "_asking", "while its start request is under way; Apify starts the run only seconds later", after_commit=False
    ).both_ways()
    yield _shut_down(
        "_resumed",
        "when the task has been resumed, and reads what became of the run",
        "The task, or its retry, takes the result of the run that is finished.",
        tries=1,
        spare_tries=1,
        deferrable=True,
        run_input={"durationSecs": 2, "items": 3},
        faults=(hold(LOG, after_commit=True),),
        acts=shut_worker_down(struck),
    )
    yield _shut_down(
        "_full",
        "while it waits for capacity",
        "Nothing was started; the retry asks again.",
        operator={"wait_for_capacity": 120},
        faults=({**FULL, "times": 2},),
        acts=shut_worker_down(struck),
    )


_LAST_ATTEMPTS = (
    _shut_down(
        "_at_last",
        "while it waits for the run, on its last attempt (`retries=0`)",
        "No attempt follows: the run is aborted.",
        tries=1,
        run_input=ENDLESS,
        operator=_LAST,
        runs=("ABORTED",),
        state="failed",
        before_3_3=_NOBODY_IS_TOLD,
    ),
    *_starting(
        "_starting_at_last",
        "when Apify has started the run, before the answer arrives, on its last attempt (`retries=0`)",
        "No attempt follows: the run is found by its marker, and aborted.",
        after_commit=True,
        tries=1,
        run_input=ENDLESS,
        operator=_LAST,
        runs=("ABORTED",),
        state="failed",
        before_3_3=_NOBODY_IS_TOLD,
    ).both_ways(before_3_3=_NOBODY_IS_TOLD),
)
_SCHEDULERS = tuple(
    state.like(key=f"scheduler_is_shut_down_{state.key}", section=_SCHEDULER, storm="the scheduler is stopped")
    for state in (STARTING, STARTING_DEFERRED, WATCHED, DEFERRED, RESUMED, BETWEEN_TRIES)
)


def _triggerers() -> Iterator[Case]:
    for key, storm, section in (
        ("stopped", "the triggerer is stopped", "The triggerer is shut down (SIGTERM)"),
        ("killed", "the triggerer is killed", "The triggerer dies"),
    ):
        for state in (STARTING_DEFERRED.like(tries=1), DEFERRED, FULL_DEFERRED):
            yield state.like(
                key=f"triggerer_{key}_{state.key}", section=section, storm=storm, spare_tries=0, then=_NEXT[state.key]
            )


_NEXT = {
    STARTING_DEFERRED.key: "The next triggerer watches the run.",
    DEFERRED.key: "The run is not taken for unwanted; the next triggerer watches on.",
    FULL_DEFERRED.key: "The next triggerer lets it ask again.",
}


def _sleeping_triggerers() -> Iterator[Case]:
    """Yield cases of a triggerer that sleeps until another has taken over, and wakes up."""
    for state in (DEFERRED, ENDING, FULL_DEFERRED):
        yield state.like(
            key=f"triggerer_sleeps_{state.key}",
            section="The triggerer sleeps (SIGSTOP) until another has taken over, and wakes up",
            storm="the triggerer sleeps",
            spare_tries=0,
            then="The other triggerer takes over; the one that wakes up disturbs nothing.",
        )
    yield DEFERRED.like(
        key="triggerer_sleeps_marked",
        section="The triggerer sleeps (SIGSTOP) until another has taken over, and wakes up",
        storm="the triggerer sleeps",
        happens="while the triggerer watches the run; a user marks the task as failed when it has woken up",
        then="The other triggerer aborts the run.",
        run_input=ENDLESS,
        acts=mark(in_storm(watched), "failed"),
        spare_tries=0,
        runs=("ABORTED",),
        state="failed",
    )


CASES = (*_workers(), *_LAST_ATTEMPTS, *_SCHEDULERS, *_triggerers(), *_sleeping_triggerers())
