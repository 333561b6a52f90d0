"""A machine is suspended with a worker on it, and wakes up when Airflow has given the worker up."""

from __future__ import annotations

from typing import Any

from tests.chaos.acts import suspend_machine
from tests.chaos.case import ENDLESS, STARTS, Case, hold
from tests.chaos.cases.states import LOG
from tests.chaos.moments import finished, next_try_watches, struck, struck_inside, watched
from tests.chaos.user_acts import mark_asleep

_MACHINE = "The machine sleeps (SIGSTOP), and wakes up when Airflow has missed the heartbeat"
_LONG = {"durationSecs": 120, "items": 3}
_HOLD_SECONDS = 15.0
"""How long Apify holds a request: long enough to fall asleep meanwhile, on a slow machine too."""
_STAYS = "The retry goes on with the run. The worker that wakes up is told to stop, and leaves the run to it."
_FINDS = "The retry finds the run by its marker. The worker that wakes up is told to stop, and leaves the run to it."


def _asleep(key: str, happens: str, then: str = _STAYS, **details: Any) -> Case:
    usual: dict[str, Any] = {"tries": 2, "run_input": _LONG}
    return Case(key=f"machine_sleeps_{key}", section=_MACHINE, happens=happens, then=then, **usual | details)


CASES = (
    _asleep(
        "watching",
        "while the worker waits for the run; the retry waits for it, too, by then",
        acts=suspend_machine(watched, until=next_try_watches),
    ),
    _asleep(
        "long",
        "while the worker waits for the run; the retry has succeeded by then",
        run_input={"durationSecs": 50, "items": 3},
        acts=suspend_machine(watched, until=finished),
    ),
    *_asleep(
        "starting",
        "when Apify has started the run, before the answer arrives; the retry waits for it by then",
        _FINDS,
        faults=(hold(STARTS, after_commit=True, seconds=_HOLD_SECONDS),),
        acts=suspend_machine(struck, until=next_try_watches),
    ).both_ways(),
    *_asleep(
        "asking",
        "while its start request is under way; Apify starts the run seconds later, and the retry waits for it by then",
        _FINDS,
        faults=(hold(STARTS, seconds=_HOLD_SECONDS),),
        acts=suspend_machine(struck, until=next_try_watches),
    ).both_ways(),
    _asleep(
        "resumed",
        "when the task has been resumed, and reads what became of the run; the retry has succeeded by then",
        "The retry takes the result of the run that is finished.",
        deferrable=True,
        run_input={"durationSecs": 2, "items": 3},
        faults=(hold(LOG, after_commit=True, seconds=_HOLD_SECONDS),),
        acts=suspend_machine(struck, until=finished),
    ),
    _asleep(
        "kept",
        "while the worker waits for the run, and `abort_on_kill=False`; the retry waits for it, too, by then",
        operator={"abort_on_kill": False},
        acts=suspend_machine(watched, until=next_try_watches),
    ),
    _asleep(
        "of_saved_task",
        "while the worker waits for the run of a saved task; the retry waits for it, too, by then",
        shape="task",
        acts=suspend_machine(watched, until=next_try_watches),
    ),
    *_asleep(
        "before_post",
        "when it is about to send its start request; the retry waits for a run of its own by then",
        "The start is not sent any more, because the look for other runs before it is old.",
        dies_at="before the POST",
        sleeps=True,
        acts=suspend_machine(struck_inside, until=next_try_watches),
    ).both_ways(),
    *(
        _asleep(
            f"marked_{state}",
            f"while the worker waits for the run; a user marks the task as {state} before it wakes up",
            "The worker that wakes up is told to stop, asks Airflow, and aborts the run.",
            tries=1,
            run_input=ENDLESS,
            acts=suspend_machine(watched, until=mark_asleep(state)),
            runs=("ABORTED",),
            state=state,
        )
        for state in ("failed", "success")
    ),
)
