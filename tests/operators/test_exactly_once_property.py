"""Random faults, deaths, retries, clears and marks against the local Apify: its ledger shows one run, never a lost one.

``make test ARGS="-k one_run_and_it_is_used --hypothesis-profile=search --timeout=0"`` searches for hours.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from hypothesis import Phase, settings, strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from airflow_provider_apify._api.runs.choosing import OnFailedRun
from airflow_provider_apify._api.runs.identity import Identity
from airflow_provider_apify._api.runs.starting import HURRIED_PAUSES
from airflow_provider_apify.operators._interruption import Interrupted
from local_apify import LedgerRun, LocalApify
from tests.operators.obedient import obedient, orders
from tests.operators.played_task import PACE, Died, Fate, PlayedTask, Stopped, Terminated
from tools.lab.waiting import wait_until

if TYPE_CHECKING:
    import pytest

LAG_SECONDS = 3 * PACE
CAPACITY_SECONDS = 3600.0
STARTS: dict[str, Any] = {"method": "POST", "path": "/v2/actors/*/runs"}
NO_FAULT: dict[str, Any] = {"action": "delay", "seconds": 0}
FAULTS: dict[str, dict[str, Any]] = {
    "none": NO_FAULT,
    "cut before commit": {"action": "cut-before-commit"},
    "cut after commit": {"action": "cut-after-commit"},
    "503 before commit": {"action": "answer", "status": 503},
    "500 after commit": {"action": "answer-after-commit", "status": 500},
    "garbage": {"action": "garbage"},
    "half a body": {"action": "end-body-early", "after_bytes": 40},
    "429": {"action": "answer", "status": 429, "error_type": "rate-limit-exceeded", "headers": {"Retry-After": "1"}},
    "402": {"action": "answer", "status": 402, "error_type": "actor-memory-limit-exceeded", **STARTS},
    "lag": {"action": "lag", "seconds": LAG_SECONDS},
}
LIVE = {"READY", "RUNNING"}
OVER = {"success", "failed", "marked"}
# Known limits: nobody is left, or told, to abort what goes on. Apify ends the run at its timeout, a clear before that.
UNSEEN = {"failed, unseen", "marked, unseen"}
GOOD = {*LIVE, "SUCCEEDED"}
# What they have: a task state store, and a way to end a process by an exception. Up to 2.11, up to 3.2, and later.
AIRFLOWS = [(False, True), (False, False), (True, False)]
# A known limit: what arrives after the last look of a process that is told to stop is seen by nobody.
LATE_LOOKS = len(HURRIED_PAUSES) - 1
WATCHES, WAITS = "execute_complete", "execute_after_pause"
STATES = {"marked": "failed", "cleared": "restarting", "shut down": "running"}
"""What Airflow says of a task whose process is told to stop."""


class Blow(NamedTuple):
    """What strikes an attempt.

    :param told: what happens first: its task is ``marked`` or ``cleared``, its worker is ``shut down`` (all of them let
        its process tidy up), its run is ``aborted`` by somebody at Apify; or nothing.
    :param stop: how its process stops then, if it does: it ``dies``, or is ``terminated``, as Airflow 2 does it.
    :param looks: after so many looks the request that it was sending arrives nevertheless; 0 for never.
    """

    told: str = ""
    stop: str = ""
    looks: int = 0


faults_in_turn = st.lists(st.just("none") | st.sampled_from(sorted(FAULTS)), max_size=8)
tellings = st.sampled_from(["", "marked", "cleared", "shut down", "aborted"])
blows = st.builds(Blow, tellings, st.sampled_from(["", "dies", "terminated"]), st.just(0) | st.integers(1, LATE_LOOKS))
moments = st.integers(0, 12)
ends = st.sampled_from(["SUCCEEDED", "FAILED", "TIMED-OUT"]) | st.builds(
    Blow, tellings, st.sampled_from(["", "dies", "terminated"]), st.just(0)
)


class OneTask(RuleBasedStateMachine):
    """One task instance; between the steps, only its run goes on.

    :ivar state: ``scheduled``, over (see ``OVER`` and ``UNSEEN``), or the method that a deferred task goes on with.
    :ivar runs: the ledger after the last step.
    :ivar wish: how often the user has asked for the task to be run again.
    :ivar wishes: the wish that each attempt is for.
    :ivar told: what the process that is going on has been told: its task is ``marked`` or ``cleared``, or its worker is
        ``shut down``; else empty.
    :ivar aborted: the runs that somebody has aborted at Apify.
    """

    def __init__(self, apify: LocalApify, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__()
        apify.control.reset()
        self.control, self.monkeypatch = apify.control, monkeypatch
        self.state = "scheduled"
        self.runs: list[LedgerRun] = []
        self.wish = 0
        self.wishes: dict[int, int] = {}
        self.told = ""
        self.aborted: set[str] = set()

    @initialize(
        airflow=st.sampled_from(AIRFLOWS),
        deferrable=st.booleans(),
        on_failed_run=st.sampled_from(["new", "resurrect", "fail"]),
        patience=st.sampled_from([0.0, CAPACITY_SECONDS]),
        lags=st.booleans(),
        abort_on_kill=st.sampled_from([True, True, True, False]),
    )
    def begin(
        self,
        *,
        airflow: tuple[bool, bool],
        deferrable: bool,
        on_failed_run: OnFailedRun,
        patience: float,
        lags: bool,
        abort_on_kill: bool,
    ) -> None:
        self.control.settings(replica_lag_seconds=LAG_SECONDS if lags else 0)
        self.on_failed_run, self.lags, self.abort_on_kill = on_failed_run, lags, abort_on_kill
        # What waits for capacity in its worker does so for real.
        arguments = {"actor_id": obedient.name, "wait_for_capacity": patience if deferrable else 0, "log_lines": 0}
        has_store, self.may_terminate = airflow
        self.task = PlayedTask(
            has_store=has_store,
            deferrable=deferrable,
            on_failed_run=on_failed_run,
            abort_on_kill=abort_on_kill,
            **arguments,
        )
        self.hook = self.task.hook_class()()
        self.task.use(self.monkeypatch)

    @precondition(lambda self: self.state == "scheduled")
    @rule(faults=faults_in_turn, blow=blows, moment=moments, end=ends)
    def an_attempt_starts(self, faults: list[str], blow: Blow, moment: int, end: str | Blow) -> None:
        self.wishes[self.task.tries + 1] = self.wish
        self.task.on_wait = self._end_once(end)
        self._start(self.task.attempt, faults, blow, moment)

    @precondition(lambda self: self.state == WAITS)
    @rule(faults=faults_in_turn, blow=blows, moment=moments)
    def the_pause_for_capacity_is_over(self, faults: list[str], blow: Blow, moment: int) -> None:
        event = {"until": time.time() + CAPACITY_SECONDS}
        self._start(lambda fate: self.task.resume(WAITS, event, fate), faults, blow, moment)

    @precondition(lambda self: self.state == WATCHES)
    @rule()
    def the_worker_is_lost(self) -> None:
        self._settle("died")

    @precondition(lambda self: self.live)
    @rule(status=st.sampled_from(["SUCCEEDED", "FAILED", "TIMED-OUT"]))
    def the_run_ends(self, status: str) -> None:
        run_id = self.live[-1]
        orders[run_id] = status
        wait_until(lambda: self._status(run_id) not in LIVE, "the run to end", timeout=10, poll=PACE)

    @precondition(lambda self: self.live)
    @rule(gracefully=st.booleans())
    def somebody_aborts_the_run_in_the_console(self, *, gracefully: bool) -> None:
        self._abort(gracefully=gracefully)

    @precondition(lambda self: self.state == WATCHES and not self.live)
    @rule(faults=faults_in_turn, moment=st.none() | moments)
    def the_event_arrives(self, faults: list[str], moment: int | None) -> None:
        run_id = self.task.watched_run_id
        event = self.hook.wait_for_run(run_id).to_payload()
        self._arm(faults)
        self._settle(self.task.resume(WATCHES, event, Fate(moment, lambda: self._befall(Blow(stop="dies")))))
        assert self.state != "success" or self._status(run_id) == "SUCCEEDED"

    @precondition(lambda self: self.state == WATCHES)
    @rule()
    def a_user_marks_the_task(self) -> None:
        self._tell("marked")
        self.state = "marked" if self.abort_on_kill else "marked, unseen"

    @precondition(lambda self: self.state == "scheduled" and not self.task.is_fresh)
    @rule()
    def a_user_marks_the_task_between_two_tries(self) -> None:
        self.state = "marked, unseen"

    @precondition(lambda self: not self.task.is_fresh)
    @rule()
    def a_user_clears_the_task(self) -> None:
        if self.state == WATCHES:
            self.task.kill("restarting")
        self.task.clear(dag_run_is_over=self.state in OVER | UNSEEN)
        self.wish += 1
        self.state = "scheduled"

    @invariant()
    def never_two_runs_for_one_wish(self) -> None:
        self._see()
        identities = [(run, Identity.parse(run.user_agent)) for run in self.runs]
        starts = [(identity.attempt, identity) for _, identity in identities if identity]
        assert len(starts) == len(self.runs), "a run cannot be told apart"
        assert len(set(starts)) == len(starts), "an attempt has started two runs"
        kept = [
            self.wishes[identity.attempt]
            for run, identity in identities
            if identity and (run.status in GOOD or self.on_failed_run != "new")
        ]
        assert len(set(kept)) == len(kept), "there is a run to go on with, but another one was started"

    @invariant()
    def never_a_run_that_nobody_wants(self) -> None:
        self._see()
        if self.state in OVER:
            assert not self.live, "a run goes on although the task is over"
        if self.state in UNSEEN:
            assert len(self.live) <= 1

    def teardown(self) -> None:
        """Let what was sent by the dead arrive, and the task go on: nobody but its next attempt can notice."""
        self.control.clear_faults()
        late = self.task.let_stragglers_arrive()
        if self.state == "scheduled" and not self.task.is_fresh:
            self.an_attempt_starts([], Blow(), 0, "SUCCEEDED")
            self.never_two_runs_for_one_wish()
            self.never_a_run_that_nobody_wants()
        elif self.state in OVER:  # where the task is over before the request arrives, it is a known limit, too
            self._see()
            assert len(self.live) <= late
        orders.clear()

    @property
    def live(self) -> list[str]:
        """The IDs of the runs that went on after the last step."""
        return [run.run_id for run in self.runs if run.status in LIVE]

    def _start(self, act: Callable[[Fate], str], faults: list[str], blow: Blow, moment: int) -> None:
        self._arm(faults)
        self.told = ""
        outcome = act(Fate(moment, lambda: self._befall(blow)))
        self.task.on_wait = lambda: None
        if self.told in {"marked", "cleared"} and self.abort_on_kill:
            assert outcome != WATCHES, "the attempt goes on although its user has given it up"
        if self.told == "marked":
            self._end("marked", outcome)
            return
        if outcome in {"died", "terminated"} and not self.task.has_tries_left:
            self._end("failed", outcome)
            return
        is_in_vain = self.told == "cleared" and outcome in {"success", WATCHES, WAITS}
        self._settle("retry" if is_in_vain else outcome)
        if self.state == WATCHES:
            self.task.let_stragglers_arrive()
            self.never_two_runs_for_one_wish()
            assert self.live in ([], [self.task.watched_run_id]), "a run goes on that nobody watches"
            is_good = self._status(self.task.watched_run_id) in GOOD | {"ABORTING"}
            assert is_good or self.task.watched_run_id in self.aborted, "the task watches a run that is over"
        if self.state == "success":
            assert self._status(self.task.watched_run_id) == "SUCCEEDED"

    def _end_once(self, end: str | Blow) -> Callable[[], None]:
        """Return what happens when a worker waits: first a blow, if there is one, then the run comes to an end."""
        ways = iter([end])

        def happen() -> None:
            way = next(ways, "SUCCEEDED")
            if isinstance(way, Blow):
                self._befall(way)
            self._see()
            for run_id in self.live:
                orders[run_id] = "SUCCEEDED" if isinstance(way, Blow) else way

        return happen

    def _end(self, state: str, outcome: str) -> None:
        """Note that the task is over after an attempt that was stopped."""
        late = self.task.let_stragglers_arrive()
        self.control.clear_faults()
        self._see()
        is_stopped = outcome in {"died", "terminated"}
        is_limit = not self.abort_on_kill or (is_stopped and self._may_miss_its_run(outcome, late))
        self.state = f"{state}, unseen" if is_limit else state

    def _may_miss_its_run(self, outcome: str, late: int) -> bool:
        """Tell whether nobody can have aborted what goes on after the end of a worker.

        One that is told first has seconds: for the run that it knows, and for what it or an earlier attempt has just
        started. That it may miss where replicas lag, or where the request has not arrived.
        """
        return outcome == "died" or not self.told or self.lags or late > 0

    def _settle(self, outcome: str) -> None:
        """Note how an attempt has gone on; after the last one nobody is left to abort the run of a dead worker."""
        self.control.clear_faults()
        if outcome in {"died", "terminated"}:
            outcome = "retry" if self.task.has_tries_left else "failed, unseen"
        self.state = "scheduled" if outcome == "retry" else outcome

    def _befall(self, blow: Blow) -> None:
        stop: Stopped | None = None
        if blow.stop == "dies":
            stop = Died(blow.looks or None)
        elif blow.stop == "terminated" and blow.told in STATES and self.may_terminate:
            stop = Terminated(blow.looks or None)
        if blow.told == "aborted":
            self._see()
            if self.live:
                self._abort(gracefully=False)
        elif blow.told:
            self.task.arrives_after = blow.looks
            with suppress(Interrupted) if stop else nullcontext():
                self._tell(blow.told)
        if stop:
            raise stop

    def _tell(self, told: str) -> None:
        """Let the process know that it is to stop; Airflow gives it some seconds for that."""
        self.told = told
        self.control.clear_faults()
        if told == "cleared":
            self.wish += 1
            self.task.restart()
        else:
            self.task.kill(STATES[told])

    def _abort(self, *, gracefully: bool) -> None:
        self.aborted.add(self.live[-1])
        self.hook.abort_run(self.live[-1], gracefully=gracefully)

    def _arm(self, faults: list[str]) -> None:
        """Let each of the next requests meet its fault."""
        for name in faults:
            self.control.add_fault(**FAULTS[name])

    def _see(self) -> None:
        """Look at the ledger."""
        self.runs = self.control.ledger(slim=True).runs

    def _status(self, run_id: str) -> str:
        return next(run.status for run in self.control.ledger(slim=True).runs if run.run_id == run_id)


def test_whatever_happens_there_is_one_run_and_it_is_used(
    obedient_apify: LocalApify, monkeypatch: pytest.MonkeyPatch
) -> None:
    run: Callable[..., None] = run_state_machine_as_test
    # An example takes up to a second: to shorten one that fails would take minutes.
    phases = set(Phase) - {Phase.shrink, Phase.explain}
    run(lambda: OneTask(obedient_apify, monkeypatch), settings=settings(stateful_step_count=12, phases=phases))
