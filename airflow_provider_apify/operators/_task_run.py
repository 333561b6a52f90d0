"""The run of one attempt of a task: found or started, and kept or given up when the process ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from functools import cached_property, partial
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

from airflow.providers.common.compat.sdk import AirflowTaskTimeout, TaskDeferred

from airflow_provider_apify._airflow.failing import ends_task
from airflow_provider_apify._airflow.instance_state import state_of
from airflow_provider_apify._airflow.metrics import Count, count, count_end
from airflow_provider_apify._airflow.ownership import NO_ANSWER, End, is_given_up
from airflow_provider_apify._api.flows import LOOKS, SOON_SECONDS, Flow
from airflow_provider_apify._api.request import Request
from airflow_provider_apify._api.runs.changing import Changer
from airflow_provider_apify._api.runs.choosing import Decision, Terms, decide
from airflow_provider_apify._api.runs.finding import EarlierRuns, Finder, OwnRun, Trace
from airflow_provider_apify._api.runs.identity import Identity
from airflow_provider_apify._api.runs.starting import (
    HURRIED_PAUSES,
    Capacity,
    Starter,
    abort_lastingly,
    abort_runs,
    abort_whatever_goes_on,
    later_has_started,
)
from airflow_provider_apify.exceptions import ApifyError, ApifyRunError, ApifyTaskStopped
from airflow_provider_apify.links import links_of_run, place_of, store_links, stored_run_id, tell_run
from airflow_provider_apify.operators._interruption import Interrupted, Interruption
from airflow_provider_apify.operators._run_arguments import RunArguments
from airflow_provider_apify.operators._run_memory import RunMemory, began
from airflow_provider_apify.options import RetryPolicy, RunOptions, Target
from airflow_provider_apify.triggers.run import ABORT_ATTEMPTS

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_apify.models.runs import ActorRun

T = TypeVar("T")
# Airflow kills the process 5 seconds after it has told it to stop.
_HURRIED = RetryPolicy(attempts=4, first_delay=0.2, max_delay=1.0, patient_attempts=4)
# Where nobody hurries, a run that nobody watches any more is asked about for some minutes.
_UNHURRIED = RetryPolicy(attempts=ABORT_ATTEMPTS, max_delay=30.0, patient_attempts=ABORT_ATTEMPTS)


class TaskRun(AbstractContextManager["TaskRun"]):
    """What one attempt does about its run, in the order in which it does it.

    As a context it is around all that the attempt does: however that ends, the run is kept where somebody goes on with
    it, and aborted where nobody does. A task that is told to stop ends with :class:`ApifyTaskStopped`.

    :param is_fresh: whether the attempt begins here, and was not deferred before.
    :ivar run_id: the run that the attempt goes on with, once it is known.
    :ivar is_judged: whether the run's end, its limit, or a later attempt was seen: nothing is kept or given up then.
    :ivar is_over: whether the attempt has ended; another one on the same operator has a context of its own.
    """

    def __init__(self, operator: RunArguments, context: Context, interruption: Interruption, *, is_fresh: bool) -> None:
        self._operator, self.context = operator, context
        self._hook, self._log, self._interruption = operator.hook, operator.log, interruption
        self._is_fresh = is_fresh
        self._starter: Starter | None = None
        self._is_reviving = False
        self._is_noted = False
        self._finder_kept: Finder | None = None
        self._began = time.time()
        self.run_id: str | None = None
        self.is_judged = False
        self.is_over = False

    @cached_property
    def memory(self) -> RunMemory:
        """What earlier attempts have noted."""
        return RunMemory(self.context)

    @cached_property
    def _identity(self) -> Identity:
        return Identity.of(self.context["ti"], installation=self._hook._connection.installation)

    def may_exist(self) -> bool:
        """Tell whether there may be a run that goes on, of this attempt or of an earlier one."""
        return bool(self._in_doubt_since or self.run_id or self.memory.run_id or self.memory.may_have_started)

    # Find and choose, take or start

    def choose(self, target: Target, terms: Terms, *, is_quiet: bool) -> Decision:
        """Find what earlier attempts have started, choose, and abort what nobody wants any more.

        :param is_quiet: whether no start of an earlier attempt can be under way any more.
        :raises ApifyTaskStopped: a later attempt has a run already, as where the machine slept meanwhile.
        """
        finder = self._finder_of(target)
        if time.time() - self._looked_at > SOON_SECONDS:
            self.memory.may_have_started = True  # the machine may have slept meanwhile
        trace = self.memory.trace(is_quiet=is_quiet)
        earlier = EarlierRuns(trace, finder, self._log.info, accept=terms.accept, settle=self._settle)
        found = self.drive(earlier.find())
        for own in found:
            if own.attempt > self._identity.attempt and not own.is_leftover:
                self.is_judged = True
                raise ApifyTaskStopped(f"A later attempt of this task goes on with run {own.run.id}.")
        decision = self._decide(found, terms)
        self.drive(abort_runs(decision.abort, self._hook.retry, self._log.info))
        self._count(Count.RUN_ABORTED, len(decision.abort))
        if found and decision.take is None:
            words = ", ".join(
                f"run {own.run.id} was {own.run.status}{', and is aborted' if own.run in decision.abort else ''}"
                for own in found
            )
            self._log.info("None of an earlier attempt can go on: %s.", words)
        return decision

    def _decide(self, found: Collection[OwnRun], terms: Terms) -> Decision:
        try:
            return decide(found, self._identity.rerun, terms)
        except ApifyRunError as refusal:
            # What that run has left can be looked at, and used, though the task fails.
            self.show(next(own.run for own in found if own.run.id == refusal.run_id))
            raise

    def show(self, run: ActorRun) -> None:
        """Show a run on the task instance, from its start on, and also where it fails."""
        store_links(self._operator, self.context, links_of_run(run))
        tell_run(self.context, run)

    def take(self, run: ActorRun, *, resurrect: bool) -> ActorRun:
        """Go on with the run of an earlier attempt."""
        self.run_id = run.id
        if not resurrect:
            self._log.info("An earlier attempt of this task started run %s: going on with it.", run.id)
            self._count(Count.RUN_ADOPTED)
            return run
        self._log.info("Run %s of an earlier attempt is %s: resurrecting it.", run.id, run.status)
        changer = Changer(self._hook.retry, self._log.info, settle=self._settle)
        self._is_reviving = True
        revived = self.drive(changer.revive(run, RunOptions(), seen_at=self._looked_at))
        self._is_reviving = False
        self._count(Count.RUN_RESURRECTED)
        return revived

    def start(self, target: Target, request: Request, terms: Terms, capacity: Capacity) -> ActorRun:
        """Start a run, once."""
        self.memory.note_intent()
        self._starter = Starter(
            request,
            self._finder_of(target),
            self._hook.retry,
            self._log.info,
            settle=self._settle,
            accept=terms.accept,
            capacity=capacity,
        )
        try:
            run = self.drive(self._starter.start())
        except ApifyTaskStopped:
            self.is_judged = True
            raise
        except ApifyError:
            if self._in_doubt_since is None:
                self._note(self.memory.withdraw_intent)
            raise
        self._count(Count.RUN_STARTED)
        return run

    def note(self, run: ActorRun) -> None:
        """Note the run for the next attempt.

        :raises ApifyTaskStopped: that one has a run of its own already, and this one is aborted.
        """
        self.run_id = run.id
        is_noted = self._note(partial(self.memory.note_run, run.id, self._identity.rerun))
        self._is_noted = is_noted and (self.memory.is_kept or not self._is_linked_elsewhere(run))
        if self._is_superseded():
            fate, self.is_judged = self._give_up_own(), True
            raise ApifyTaskStopped(f"The next attempt has a run of its own already; run {run.id}: {fate}.")

    def _is_linked_elsewhere(self, run: ActorRun) -> bool:
        """Tell whether a link to another run is stored: Airflow drops it when an attempt begins, so a later one did."""
        try:
            return stored_run_id(self.context) not in {None, run.id}
        except Exception as trouble:  # noqa: BLE001 - each Airflow has errors of its own
            self._log.warning("Airflow does not tell whether the next attempt has a run of its own: %s", trouble)
            return False

    def drive(self, flow: Flow[T]) -> T:
        """Send what a flow asks; the task can be stopped meanwhile."""
        return self._hook._drive(flow, guard=self._interruption)

    def see_end(self, run: ActorRun) -> None:
        """Take note of the run as it is at the end of the wait."""
        self.run_id = run.id
        count_end(self.context, run)

    def _count(self, what: Count, by: int = 1) -> None:
        count(what, self.context["ti"], by)

    def stop(self, run: ActorRun) -> str:
        """Abort a run at its limit unless somebody has already, and say what became of it."""
        fate = self._give_up(_UNHURRIED) if run.is_going else f"it is {run.status} now"
        self.is_judged = True
        return fate

    def _note(self, note: Callable[[], None]) -> bool:
        """Note something that the next attempt finds at Apify, too: so a note that fails ends nothing."""
        try:
            note()
        except Exception as trouble:  # noqa: BLE001 - each Airflow has errors of its own
            self._log.warning("Airflow could not note what became of the start; a retry asks Apify: %s", trouble)
            return False
        return True

    def _finder(self, target: Target, retry: RetryPolicy) -> Finder:
        return Finder(target, self._identity, retry)

    def _finder_of(self, target: Target) -> Finder:
        if self._finder_kept is None:
            self._finder_kept = self._finder(target, self._hook.retry)
            self._finder_kept.looked_at = self._began
        return self._finder_kept

    @property
    def _looked_at(self) -> float:
        """Unix time when it was last known that no other attempt has started a run."""
        return (self._finder_kept and self._finder_kept.looked_at) or self._began

    @property
    def _in_doubt_since(self) -> float | None:
        """Unix time when this attempt has sent a start of which nobody knows whether it was done."""
        return self._starter.in_doubt_since if self._starter else None

    @property
    def _settle(self) -> float:
        return self._hook._connection.start_settle_seconds

    # Keep or give up

    def check(self) -> None:
        """Make sure that the run is wanted still, before the task defers: Airflow would refuse that then.

        :raises ApifyTaskStopped: a user has given it up, so it is aborted.
        """
        if self._is_given_up(self._state()):
            raise ApifyTaskStopped("The task is not to go on.")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Keep the run, or give it up."""
        self.is_over = True
        self._interruption.close()
        if self.is_judged:
            return
        try:
            self._keep_or_give_up(error)
        except AirflowTaskTimeout:
            self._give_up(_HURRIED)
            raise

    def _keep_or_give_up(self, error: BaseException | None) -> None:
        fails = error is not None and not isinstance(error, TaskDeferred)
        if fails and not self._interruption.is_told:
            self._note(self._note_idle)
        is_late = isinstance(error, AirflowTaskTimeout) or (fails and self._operator.is_overdue(self.context))
        if self._interruption.is_told:
            self._stop(error)
        elif is_late or (fails and (self._ends_task(error) or self._is_given_up(self._state()))):
            self._give_up(_UNHURRIED)

    def _note_idle(self) -> None:
        if self._is_fresh and self._starter is None and not self.may_exist():
            self.memory.note_idle()

    def _ends_task(self, error: BaseException | None) -> bool:
        return error is not None and ends_task(self._operator, error, context=self.context)

    def _stop(self, error: BaseException | None) -> None:
        """Keep the run or give it up, because the task was told to stop.

        :raises ApifyTaskStopped: unless the run is kept, and the task has come to its end or to where it defers.
        """
        fails = error is not None and not isinstance(error, TaskDeferred)
        stop = ApifyTaskStopped("The task was told to stop.")
        # Nobody is asked where the task fails and no other attempt follows: an answer may take too long.
        state = "failed" if fails and self._ends_task(stop) else self._state()
        if self._is_given_up(state):
            fate = self._give_up(_HURRIED)
        elif self._is_superseded():
            fate = f"the next attempt has one of its own already; {self._give_up_own()}"
        elif not fails:
            return
        else:
            fate = "it goes on"
        raise self._stopped(state, fate) from (None if isinstance(error, Interrupted) else error)

    def _stopped(self, state: str | None, fate: str) -> ApifyTaskStopped:
        return ApifyTaskStopped(
            f"Airflow told the task to stop; the task is {state} now. Run {self.run_id or 'not known yet'}: {fate}."
        )

    def _is_given_up(self, state: str | None) -> bool:
        end = End.WORKER if self._operator.wait_for_completion else End.LAUNCHER
        return self._operator.abort_on_kill and is_given_up(end, state)

    def _state(self) -> str | None:
        """Return the task's state as Airflow tells it."""
        try:
            return state_of(self.context["ti"])
        except Exception as trouble:  # noqa: BLE001 - each Airflow has errors of its own
            self._log.warning("Airflow does not tell the state of the task: %s", trouble)
            return NO_ANSWER

    def _is_superseded(self) -> bool:
        """Tell whether a later attempt has started another run than this one.

        It happens where the machine sleeps while it sends its start. Nobody else aborts that run: the later attempt has
        looked for it before it was there. Airflow takes no note of it either, which tells such a start.
        """
        if self._starter is None or self._is_noted:
            return False
        finder = self._finder(self._operator.target, _HURRIED)
        try:
            return self._hook._with_retry(_HURRIED)._drive(later_has_started(finder, self._looked_at))
        except ApifyError as trouble:
            self._log.warning("Whether the next attempt has a run of its own is unknown: %s", trouble)
            return False

    def _give_up(self, retry: RetryPolicy) -> str:
        """Abort the run, also one that nobody knows the ID of, and say what became of it."""
        return self._give_up_run(self._known_run_id(), retry)

    def _give_up_own(self) -> str:
        """Do the same with what this attempt itself has started, and nothing else."""
        run_id = self._starter.run_id if self._starter else None
        if run_id is None and self._in_doubt_since is None:
            return "none was started here"
        return self._give_up_run(run_id, _HURRIED)

    def _give_up_run(self, run_id: str | None, retry: RetryPolicy) -> str:
        try:
            return self._abort_unknown(retry) if run_id is None else self._abort(run_id, retry)
        except Exception as trouble:  # noqa: BLE001 - each Airflow has errors of its own
            if run_id is None and self._in_doubt_since is None:
                words = "Whether an earlier attempt has left a run behind, which would cost money, is not known"
            else:
                words = "A run could not be aborted and may go on and cost money"
            place = "Apify Console" if run_id is None else place_of(self._hook, run_id)
            self._log.error("%s; look at %s: %s", words, place, trouble)
            return "it could not be aborted and may go on"

    def _abort_unknown(self, retry: RetryPolicy) -> str:
        """Look for the run of a start whose answer nobody has, and abort it."""
        since = near = self._in_doubt_since
        if since is None:
            try:
                trace = self.memory.trace(is_quiet=True)
            except Exception as trouble:  # noqa: BLE001 - each Airflow has errors of its own
                self._log.warning("Airflow does not tell what earlier attempts have started: %s", trouble)
                is_first, since = self.context["ti"].try_number == 1, began(self.context)
                trace = Trace(may_have_started=not is_first, since=since)
            if not trace.may_have_started:
                return "none was started"
            since, near = trace.since, trace.sent_at
        pauses = HURRIED_PAUSES if retry is _HURRIED else (0.0, *(share * self._settle for share in LOOKS))
        finder = self._finder(self._operator.target, retry)
        finder.be_patient()
        flow = abort_whatever_goes_on(finder, since, retry, self._log.info, near=near, pauses=pauses)
        aborted = self._hook._with_retry(retry)._drive(flow)
        self._count(Count.RUN_ABORTED, len(aborted))
        return f"{aborted[0].id} is aborted" if aborted else "none goes on, as far as Apify tells"

    def _abort(self, run_id: str, retry: RetryPolicy) -> str:
        # With a session of its own: what was interrupted may have left the other in the middle of something.
        # A resurrection whose answer nobody has may arrive after the first of several.
        pauses = HURRIED_PAUSES if self._is_reviving else (0.0,)
        run = self._hook._with_retry(retry)._drive(abort_lastingly(run_id, retry, pauses=pauses))
        self._log.info("Nobody watches run %s any more: it is %s now.", run_id, run.status)
        self._count(Count.RUN_ABORTED, int(run.is_stopped))
        return f"it is {run.status} now"

    def _known_run_id(self) -> str | None:
        """Return the ID of the run: this attempt's, else the one that Airflow has kept of an earlier one."""
        own = self.run_id or (self._starter.run_id if self._starter else None)
        if own or self._in_doubt_since is not None:
            return own
        try:
            # What was noted before a start that nobody has noted yet is over.
            noted = None if self.memory.may_have_started else self.memory.run_id
            # An attempt begins without links: one that has looked already finds only that of a later attempt.
            return noted or (None if self._finder_kept else stored_run_id(self.context))
        except Exception as trouble:  # noqa: BLE001 - each Airflow has errors of its own
            self._log.warning("Airflow does not tell the run of an earlier attempt: %s", trouble)
            return None
