"""Users mark and clear tasks, in every state."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tests.chaos.case import ABORTS, ENDLESS, FULL, LONG_HOLD_SECONDS, SHORT, STARTS, Case, hold
from tests.chaos.moments import Moment, between_tries, finished, struck, struck_and_deferred, watched
from tests.chaos.user_acts import clear, mark

_MARKS = ("failed", "success")
_PATIENT = {"wait_for_capacity": 600}
_BAD_ABORTS: dict[str, tuple[str, Mapping[str, Any]]] = {
    "cut": ("is cut off before Apify has done it", {"action": "cut-before-commit"}),
    "lost": ("is done, and its answer is lost", {"action": "cut-after-commit"}),
    "429": ("is answered 429, twice", {"action": "answer", "status": 429, "times": 2}),
    "503": ("is answered 503, three times", {"action": "answer", "status": 503, "times": 3}),
}


def _marked(key: str, when: str, then: str, moment: Moment, state: str, **details: Any) -> Case:
    section = f"A user marks the task as {state}"
    defaults: dict[str, Any] = {"run_input": ENDLESS, "runs": ("ABORTED",), "state": state}
    return Case(
        key=f"{key}_{state}", section=section, happens=when, then=then, acts=mark(moment, state), **defaults | details
    )


def _marks() -> Iterator[Case]:
    for state in _MARKS:
        yield from _marked(
            "mark_starting",
            "while Apify starts the run",
            "The run is aborted as soon as it is there.",
            struck,
            state,
            faults=(hold(STARTS, after_commit=True),),
            has_plain=True,
        ).both_ways()
        yield from _marked(
            "mark_starting_slowly",
            "while Apify starts the run, has done so, and answers later than Airflow kills the worker",
            "The run is found by its marker, and aborted.",
            struck,
            state,
            faults=(hold(STARTS, after_commit=True, seconds=LONG_HOLD_SECONDS),),
            has_plain=True,
        ).both_ways()
        yield from _marked(
            "mark_watched",
            "while the run goes on",
            "The run is aborted.",
            watched,
            state,
            has_plain=True,
            is_quick=True,
        ).both_ways(is_quick=state == "failed")
        yield _marked(
            "mark_full",
            "while it waits for capacity",
            "Nothing was started, and nothing is.",
            struck,
            state,
            faults=({**FULL, "times": None},),
            operator=_PATIENT,
            runs=(),
        )
        yield _marked(
            "mark_full_deferred",
            "while it waits for capacity",
            "Nothing was started, and nothing is.",
            struck_and_deferred,
            state,
            deferrable=True,
            faults=({**FULL, "times": None},),
            operator=_PATIENT,
            runs=(),
        )
        yield from _marked(
            "mark_between_tries",
            "between two tries",
            "The run of the first try has failed; no other is started.",
            between_tries,
            state,
            run_input={"endAs": "FAILED"},
            operator={"retry_delay": 900},
            runs=("FAILED",),
        ).both_ways()
    for key, (happens, fault) in _BAD_ABORTS.items():
        yield from _marked(
            f"mark_abort_{key}",
            f"while the run goes on, and the request to abort it {happens}",
            "It is repeated, and the run is aborted.",
            watched,
            "failed",
            faults=({**ABORTS, **fault},),
        ).both_ways()
    yield _marked(
        "mark_kept",
        "while the run goes on, and `abort_on_kill=False`",
        "The run goes on to its end.",
        watched,
        "failed",
        run_input={"durationSecs": 20},
        operator={"abort_on_kill": False},
        runs=("SUCCEEDED",),
    )


_CLEAR = "A user clears the task"
_CLEARED_TWICE = ("ABORTED", "ABORTED")


def _cleared_while_watched(key: str, on_failed_run: str, words: str = "", **details: Any) -> Case:
    return Case(
        key=key,
        section=_CLEAR,
        happens=f"while the run goes on{words} (the user then marks the task as failed)",
        then="The first run is aborted, another is started; that one is aborted too when the task is marked.",
        run_input=ENDLESS,
        operator={"on_failed_run": on_failed_run},
        acts=clear(watched, then="failed"),
        clears=1,
        tries=2,
        runs=_CLEARED_TWICE,
        state="failed",
        **details,
    )


_CLEARS = (
    Case(
        key="clear_starting",
        section=_CLEAR,
        happens="while Apify starts the run (the user then marks the task as failed)",
        then="The first run is aborted, another is started; that one is aborted too when the task is marked.",
        faults=(hold(STARTS, after_commit=True),),
        run_input=ENDLESS,
        acts=clear(struck, then="failed"),
        clears=1,
        tries=2,
        runs=_CLEARED_TWICE,
        state="failed",
        has_plain=True,
    ),
    _cleared_while_watched("clear_watched", "new", has_plain=True),
    _cleared_while_watched("clear_watched_fail", "fail", ", and `on_failed_run` is `fail`"),
    _cleared_while_watched("clear_watched_resurrect", "resurrect", ", and `on_failed_run` is `resurrect`"),
    Case(
        key="clear_between_tries",
        section=_CLEAR,
        happens="between two tries",
        then="Another run is started at once.",
        run_input={"endAs": "FAILED"},
        operator={"retry_delay": 900},
        acts=clear(between_tries, then="failed", at=between_tries),
        clears=1,
        tries=2,
        runs=("FAILED", "FAILED"),
        state="failed",
    ),
    Case(
        key="clear_succeeded",
        section=_CLEAR,
        happens="when it has succeeded",
        then="It is run again: a second run is started, as the user has asked.",
        run_input=SHORT,
        acts=clear(finished),
        clears=1,
        tries=2,
        runs=("SUCCEEDED", "SUCCEEDED"),
        is_quick=True,
    ),
    Case(
        key="clear_failed",
        section=_CLEAR,
        happens="when it has failed (`retries=0`)",
        then="It is run again: a second run is started, as the user has asked.",
        run_input={"endAs": "FAILED"},
        operator={"retries": 0},
        acts=clear(finished),
        clears=1,
        tries=2,
        runs=("FAILED", "FAILED"),
        state="failed",
    ),
)

CASES = (*_marks(), *(case for cleared in _CLEARS for case in cleared.both_ways()))
