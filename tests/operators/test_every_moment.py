"""A process is struck at every moment of a first attempt, and of one after a run that has ended badly.

``make test ARGS="tests/operators/test_every_moment.py --hypothesis-profile=search --timeout=0"`` plays all that can be
combined, for hours.
"""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import settings

from airflow_provider_apify._api.runs.choosing import OnFailedRun
from local_apify import LocalApify
from tests.operators.test_exactly_once_property import AIRFLOWS, LATE_LOOKS, Blow, OneTask

PLAYS_ALL = settings.get_current_profile_name() == "search"
MOMENTS = range(14 if PLAYS_ALL else 9)
BEFORE = ("nothing", "aborted", "FAILED", "cleared") if PLAYS_ALL else ("nothing", "aborted")
TOLD = ("", "shut down", "marked", "cleared") if PLAYS_ALL else ("", "shut down")
STOPS = ("dies", "terminated", "") if PLAYS_ALL else ("dies",)
LOOKS = (0, 1, 2, LATE_LOOKS) if PLAYS_ALL else (0, 2)


def checked(task: OneTask) -> None:
    task.never_two_runs_for_one_wish()
    task.never_a_run_that_nobody_wants()


def play_before(task: OneTask, before: str) -> None:
    """Let a run of an earlier attempt end badly, or one of an earlier rerun well."""
    task.an_attempt_starts([], Blow(), 0, "SUCCEEDED")
    checked(task)
    if before == "aborted":
        task.somebody_aborts_the_run_in_the_console(gracefully=False)
    else:
        task.the_run_ends("SUCCEEDED" if before == "cleared" else before)
    checked(task)
    task.the_event_arrives([], None)
    checked(task)
    if before == "cleared":
        task.a_user_clears_the_task()
        checked(task)


def play(task: OneTask, before: str, blow: Blow, moment: int) -> None:
    """Strike an attempt, and let another follow if there is to be one."""
    if before != "nothing":
        play_before(task, before)
    for struck in (blow, Blow()):
        if task.state == "scheduled":
            task.an_attempt_starts([], struck, moment, "SUCCEEDED")
            checked(task)
    task.teardown()


@pytest.mark.parametrize("on_failed_run", ["new", "fail", "resurrect"] if PLAYS_ALL else ["new"])
@pytest.mark.parametrize("lags", [False, True] if PLAYS_ALL else [False])
@pytest.mark.parametrize("airflow", AIRFLOWS if PLAYS_ALL else AIRFLOWS[::2])
@pytest.mark.parametrize("before", BEFORE)
@pytest.mark.parametrize("told", TOLD)
@pytest.mark.parametrize("stop", STOPS)
def test_a_process_that_is_struck_leaves_one_run_to_the_next(  # noqa: PLR0917 - what is combined
    obedient_apify: LocalApify,
    monkeypatch: pytest.MonkeyPatch,
    stop: str,
    told: str,
    before: str,
    airflow: tuple[bool, bool],
    lags: bool,
    on_failed_run: OnFailedRun,
) -> None:
    for moment, looks in product(MOMENTS, LOOKS if stop else LOOKS[:1]):
        task = OneTask(obedient_apify, monkeypatch)
        task.begin(
            airflow=airflow,
            deferrable=True,
            on_failed_run=on_failed_run,
            patience=0.0,
            lags=lags,
            abort_on_kill=True,
        )
        try:
            play(task, before, Blow(told, stop, looks), moment)
        except AssertionError as error:
            error.add_note(f"Struck at moment {moment}; its request arrives after look {looks}, or never if that is 0.")
            raise
