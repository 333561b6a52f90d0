"""Random faults, deaths, retries, clears and marks against the local Apify: its ledger shows one run, never a lost one.

``make test ARGS="-k one_run_and_it_is_used --hypothesis-profile=search --timeout=0"`` searches for hours.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import Phase, settings, strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from airflow_provider_apify._api.identity import Identity
from airflow_provider_apify._api.starting import OnFailedRun
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.operators import run_actor
from airflow_provider_apify.testing import ActorContext, LedgerRun, LocalApify, RunEnd, Settings, actor
from tests.operators.played_task import PACE, Died, DiedSending, Fate, PlayedTask
from tools.lab.waiting import wait_until

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
GOOD = {*LIVE, "SUCCEEDED"}
LATE_ARRIVALS = {f"dies, but its request arrives after look {looks}": looks for looks in range(1, 5)}
WATCHES, WAITS = "execute_complete", "execute_after_pause"

faults_in_turn = st.lists(st.just("none") | st.sampled_from(sorted(FAULTS)), max_size=8)
fates = st.sampled_from(["lives", "dies", "is marked"]) | st.sampled_from(sorted(LATE_ARRIVALS))
moments = st.integers(0, 12)
orders: dict[str, str] = {}


@actor("test/obedient")
async def obedient(context: ActorContext) -> None:
    """Go on until told how to end."""
    while context.run_id not in orders:  # noqa: ASYNC110 - the orders come from another thread
        await asyncio.sleep(PACE / 4)
    raise RunEnd(orders.pop(context.run_id))


class OneTask(RuleBasedStateMachine):
    """One task instance; between the steps, only its run goes on.

    :ivar state: ``scheduled``, over (``success``, ``failed``, ``marked``), or the method that a deferred task, or one
        that waits in its worker, goes on with.
    :ivar runs: the ledger after the last step.
    """

    def __init__(self, apify: LocalApify, use_hook: Callable[[type[ApifyHook]], None]) -> None:
        super().__init__()
        apify.control.reset()
        self.control, self.use_hook = apify.control, use_hook
        self.state = "scheduled"
        self.runs: list[LedgerRun] = []

    @initialize(
        has_store=st.booleans(),
        on_failed_run=st.sampled_from(["new", "resurrect", "fail"]),
        patience=st.sampled_from([0.0, CAPACITY_SECONDS]),
        lags=st.booleans(),
    )
    def begin(self, *, has_store: bool, on_failed_run: OnFailedRun, patience: float, lags: bool) -> None:
        self.control.settings(replica_lag_seconds=LAG_SECONDS if lags else 0)
        self.on_failed_run = on_failed_run
        arguments = {"actor_id": obedient.name, "wait_for_capacity": patience, "log_lines": 0}
        self.task = PlayedTask(has_store=has_store, on_failed_run=on_failed_run, **arguments)
        self.hook = self.task.hook_class()()
        self.use_hook(type(self.hook))

    @precondition(lambda self: self.state == "scheduled")
    @rule(faults=faults_in_turn, fate=fates, moment=moments)
    def an_attempt_starts(self, faults: list[str], fate: str, moment: int) -> None:
        self._start(self.task.attempt, faults, fate, moment)

    @precondition(lambda self: self.state == WAITS)
    @rule(faults=faults_in_turn, fate=fates, moment=moments)
    def the_pause_for_capacity_is_over(self, faults: list[str], fate: str, moment: int) -> None:
        event = {"until": time.time() + CAPACITY_SECONDS}
        self._start(lambda fate: self.task.resume(WAITS, event, fate), faults, fate, moment)

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
        self.hook.abort_run(self.live[-1], gracefully=gracefully)

    @precondition(lambda self: self.state == WATCHES and not self.live)
    @rule(faults=faults_in_turn, moment=st.none() | moments)
    def the_event_arrives(self, faults: list[str], moment: int | None) -> None:
        run_id = self.task.watched_run_id
        event = self.hook.wait_for_run(run_id).to_payload()
        self._arm(faults)
        self._settle(self.task.resume(WATCHES, event, Fate(moment, lambda: self._befall("dies"))))
        assert self.state != "success" or self._status(run_id) == "SUCCEEDED"

    @precondition(lambda self: self.state == WATCHES)
    @rule()
    def a_user_marks_the_task(self) -> None:
        self._mark()

    @precondition(lambda self: not self.task.is_fresh)
    @rule()
    def a_user_clears_the_task(self) -> None:
        if self.state == WATCHES:
            self.task.kill()
        self.task.clear()
        self.state = "scheduled"

    @invariant()
    def never_two_runs_for_one_identity(self) -> None:
        self.runs = self.control.ledger(slim=True).runs
        identities = {run.run_id: Identity.parse(run.user_agent) for run in self.runs}
        assert None not in identities.values(), "a run cannot be told apart"
        assert len(set(identities.values())) == len(identities), "an attempt has started two runs"
        kept = [run for run in self.runs if run.status in GOOD or self.on_failed_run != "new"]
        reruns = [identity.rerun for run in kept if (identity := identities[run.run_id])]
        assert len(set(reruns)) == len(reruns), "there is a run to go on with, but another one was started"

    @invariant()
    def never_a_run_that_nobody_wants(self) -> None:
        self.runs = self.control.ledger(slim=True).runs
        if self.state in {"success", "failed", "marked"}:
            assert not self.live, "a run goes on although the task is over"

    def teardown(self) -> None:
        self.task.let_stragglers_arrive()
        orders.clear()

    @property
    def live(self) -> list[str]:
        """The IDs of the runs that went on after the last step."""
        return [run.run_id for run in self.runs if run.status in LIVE]

    def _start(self, act: Callable[[Fate], str], faults: list[str], fate: str, moment: int) -> None:
        self._arm(faults)
        outcome = act(Fate(moment, lambda: self._befall(fate)) if fate != "lives" else Fate())
        if self.state == "marked":
            self.task.let_stragglers_arrive()
            assert outcome != WATCHES, "the attempt goes on although the user has ended the task"
            return
        self._settle(outcome)
        if self.state == WATCHES:
            self.task.let_stragglers_arrive()
            self.never_two_runs_for_one_identity()
            assert self.live in ([], [self.task.watched_run_id]), "a run goes on that nobody watches"
            assert self._status(self.task.watched_run_id) in GOOD | {"ABORTING"}, "the task watches a run that is over"

    def _settle(self, outcome: str) -> None:
        """Note how an attempt has gone on; after the last one nobody is left to abort the run of a dead worker."""
        self.control.clear_faults()
        if outcome == "died":
            outcome = "retry" if self.task.has_tries_left else "failed, unseen"
        self.state = "scheduled" if outcome == "retry" else outcome

    def _befall(self, fate: str) -> None:
        if fate == "is marked":
            self._mark()
        else:
            raise DiedSending(LATE_ARRIVALS[fate]) if fate in LATE_ARRIVALS else Died

    def _mark(self) -> None:
        self.state = "marked"
        self.control.clear_faults()
        self.task.kill()

    def _arm(self, faults: list[str]) -> None:
        """Let each of the next requests meet its fault."""
        for name in faults:
            self.control.add_fault(**FAULTS[name])

    def _status(self, run_id: str) -> str:
        return next(run.status for run in self.control.ledger(slim=True).runs if run.run_id == run_id)


@pytest.fixture
def apify(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalApify]:
    """Return a local Apify whose runs end when they are told to, with Airflow's default connection pointing at it."""
    with LocalApify(actors=[obedient], settings=Settings(ready_seconds=0, graceful_abort_seconds=5 * PACE)) as apify:
        connection = {"conn_type": "apify", "host": apify.base_url, "password": apify.token}
        monkeypatch.setenv("AIRFLOW_CONN_APIFY_DEFAULT", json.dumps(connection))
        yield apify


def test_whatever_happens_there_is_one_run_and_it_is_used(apify: LocalApify, monkeypatch: pytest.MonkeyPatch) -> None:
    def use_hook(hook: type[ApifyHook]) -> None:
        monkeypatch.setattr(run_actor, "ApifyHook", hook)

    run: Callable[..., None] = run_state_machine_as_test
    # An example takes up to a second: to shorten one that fails would take minutes.
    phases = set(Phase) - {Phase.shrink, Phase.explain}
    run(lambda: OneTask(apify, use_hook), settings=settings(stateful_step_count=12, phases=phases))
