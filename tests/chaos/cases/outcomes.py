"""Runs end badly, take too long, cost too much, or find no room."""

from __future__ import annotations

from typing import Any

from tests.chaos.acts import kill_machine, kill_triggerer_until_the_end
from tests.chaos.case import CROWDED, ENDLESS, FULL, Case
from tests.chaos.moments import watched
from tests.chaos.user_acts import abort_at_apify

_RUN = "The run"
_FULL = {
    **FULL,
    "error_type": "actor-memory-limit-exceeded",
    "message": "The account's memory is used up.",
    "times": 2,
}
_FAILS_ONCE = {"endAs": ["FAILED", "SUCCEEDED"], "items": 1}

_OUTCOMES = (
    Case(
        key="run_fails",
        section=_RUN,
        happens="fails each time",
        then="Each retry starts another (`on_failed_run` is `new`); the task fails with the last.",
        tries=3,
        run_input={"endAs": "FAILED"},
        runs=("FAILED", "FAILED", "FAILED"),
        state="failed",
    ),
    Case(
        key="run_is_resurrected",
        section=_RUN,
        happens="fails, and `on_failed_run` is `resurrect`",
        then="The retry lets the same run go on with its storages.",
        tries=2,
        run_input=_FAILS_ONCE,
        operator={"on_failed_run": "resurrect"},
    ),
    Case(
        key="run_is_not_repeated",
        section=_RUN,
        happens="fails, and `on_failed_run` is `fail`",
        then="No retry spends money again.",
        tries=2,
        run_input={"endAs": "FAILED"},
        operator={"on_failed_run": "fail"},
        runs=("FAILED",),
        state="failed",
    ),
    Case(
        key="run_is_aborted_by_somebody",
        section=_RUN,
        happens="is aborted by somebody in Apify Console, and the task has retries",
        then="That is a failure like any other: the retry starts another run (`on_failed_run` is `new`).",
        tries=2,
        run_input={"durationSecs": 12, "items": 3},
        acts=abort_at_apify(watched),
        runs=("ABORTED", "SUCCEEDED"),
        given_up=1,
    ),
    Case(
        key="run_finds_no_room",
        section=_RUN,
        happens="finds the account's memory used up (402), twice, and `wait_for_capacity` is set",
        then="Nothing was started; it is asked again until there is room.",
        faults=(_FULL,),
        operator={"wait_for_capacity": 60},
    ),
    Case(
        key="run_finds_no_room_at_once",
        section=_RUN,
        happens="finds the account's memory used up (402), twice, and `wait_for_capacity` is not set",
        then="The attempt fails, nothing was started; a retry starts the run.",
        tries=3,
        faults=(_FULL,),
    ),
    Case(
        key="run_takes_too_long",
        section=_RUN,
        happens="goes on when the task's `execution_timeout` is over (`retries=0`)",
        then="The run is aborted, and the task fails.",
        run_input=ENDLESS,
        operator={"execution_timeout": 15, "retries": 0, "run_timeout": 3600},
        runs=("ABORTED",),
        state="failed",
    ),
    Case(
        key="run_costs_too_much",
        section=_RUN,
        happens="costs more than `abort_above_usd` (the task has retries)",
        then="The run is aborted, and the task fails; no retry spends money again.",
        run_input={**ENDLESS, "chargedEvents": {"page": 10}},
        operator={"abort_above_usd": 0.05, "poll_interval": 2},
        runs=("ABORTED",),
        state="failed",
    ),
)
_LIMITED: dict[str, Any] = {
    "section": _RUN,
    "run_input": ENDLESS,
    "operator": {"execution_timeout": 12, "retries": 0},
    "runs": ("TIMED-OUT",),
    "state": "failed",
}
_LIMITS = (
    Case(
        key="run_has_its_own_limit",
        happens="goes on when the machine is dead, and no other attempt comes (`retries=0`)",
        then="Apify itself ends the run at the limit that the operator derived from `execution_timeout`.",
        acts=kill_machine(watched),
        **_LIMITED,
    ),
    Case(
        key="run_has_its_own_limit_deferred",
        happens="goes on when the triggerer is dead, and another comes only after `execution_timeout` (`retries=0`)",
        then="Apify itself ends the run at the limit that the operator derived from `execution_timeout`.",
        acts=kill_triggerer_until_the_end(),
        deferrable=True,
        is_alone=True,
        **_LIMITED,
    ),
)

_CROWDED = Case(
    key="run_takes_too_long_in_a_crowd",
    section=_RUN,
    happens="goes on when the task's `execution_timeout` is over, and all slots for workers are taken (`retries=0`)",
    then="The triggerer aborts the run; the task fails when there is a slot again.",
    shape=CROWDED,
    deferrable=True,
    run_input=ENDLESS,
    operator={"execution_timeout": 12, "retries": 0, "run_timeout": 30, "poll_interval": 2},
    runs=("ABORTED",),
    state="failed",
)

CASES = (*(case for outcome in _OUTCOMES for case in outcome.both_ways()), *_LIMITS, _CROWDED)
