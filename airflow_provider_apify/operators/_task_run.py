"""The run of one attempt of a task: found or started, and kept or given up when the process ends."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cached_property, partial
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

from airflow.providers.common.compat.sdk import AirflowNotFoundException, AirflowTaskTimeout, TaskDeferred

from airflow_provider_apify._airflow.task_states import state_of
from airflow_provider_apify._api.changing import LOOKS, Changer
from airflow_provider_apify._api.choosing import Decision, Terms, decide
from airflow_provider_apify._api.endpoints import Request
from airflow_provider_apify._api.finding import EarlierRuns, Finder, later_has_started
from airflow_provider_apify._api.flows import Flow, RetryPolicy
from airflow_provider_apify._api.starting import HURRIED_PAUSES, Capacity, Starter, abort_runs, abort_whatever_goes_on
from airflow_provider_apify._ownership import NO_ANSWER, End, is_given_up
from airflow_provider_apify.exceptions import ApifyError, ApifyTaskStopped
from airflow_provider_apify.links import stored_run_id
from airflow_provider_apify.models import run_url
from airflow_provider_apify.operators._interruption import Interrupted, Interruption
from airflow_provider_apify.operators._memory import RunMemory
from airflow_provider_apify.options import RunOptions, Target
from airflow_provider_apify.triggers.run import ABORT_ATTEMPTS

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_apify._airflow.logs import TaskLog
    from airflow_provider_apify.hooks.apify import ApifyHook
    from airflow_provider_apify.models import ActorRun

T = TypeVar("T")
# Airflow kills the process 5 seconds after it has told it to stop.
_HURRIED = RetryPolicy(attempts=4, first_delay=0.2, max_delay=1.0, patient_attempts=4)
# Where nobody hurries, a run that nobody watches any more is asked about for some minutes.
_UNHURRIED = RetryPolicy(attempts=ABORT_ATTEMPTS, max_delay=30.0, patient_attempts=ABORT_ATTEMPTS)


class TaskRun(AbstractContextManager["TaskRun"]):
    """What one attempt does about its run, in the order in which it does it.

    As a context it is around all that the attempt does: however that ends, the run is kept where somebody goes on with
    it, and aborted where nobody does. A task that is told to stop ends with :class:`ApifyTaskStopped`.

    :param target: what is run; asked for when it is needed.
    :param end: what it means that the process ends.
    :param is_owned: whether the run is aborted when the task is killed, marked or cleared.
    :param is_late: whether the task's time is over.
    :param ends_task: whether no other attempt follows the one that ends with an error.
    :ivar run_id: the run that the attempt goes on with, once it is known.
    :ivar is_judged: whether the run's end, or its limit, was seen: nothing is kept or given up then.
    """

    def __init__(
        self,
        hook: ApifyHook,
        context: Context,
        log: TaskLog,
        interruption: Interruption,
        *,
        target: Callable[[], Target],
        end: End,
        is_owned: bool,
        is_late: Callable[[], bool],
        ends_task: Callable[[BaseException], bool],
    ) -> None:
        self._hook, self._context, self._log, self._interruption = hook, context, log, interruption
        self._end, self._is_owned, self._is_late, self._ends_task = end, is_owned, is_late, ends_task
        self._name_target = target
        self._starter: Starter | None = None
        self.run_id: str | None = None
        self.is_judged = False

    @cached_property
    def memory(self) -> RunMemory:
        """What earlier attempts have noted."""
        return RunMemory(self._context, installation=self._hook.connection.installation)

    @property
    def _target(self) -> Target | None:
        """What is run; ``None`` where templates have made nothing of it that could be."""
        try:
            return self._name_target()
        except ValueError:
            return None

    def may_exist(self) -> bool:
        """Tell whether there may be a run that goes on, of this attempt or of an earlier one."""
        is_in_doubt = self._starter is not None and self._starter.in_doubt_since is not None
        return bool(is_in_doubt or self.run_id or self.memory.run_id or self.memory.may_have_started)

    def drive(self, flow: Flow[T]) -> T:
        """Send what a flow asks; the task can be stopped meanwhile."""
        return self._hook.drive(flow, self._interruption)

    # Find and choose, take or start

    def choose(self, target: Target, terms: Terms, *, is_quiet: bool) -> Decision:
        """Find what earlier attempts have started, choose, and abort what nobody wants any more.

        :param is_quiet: whether no start of an earlier attempt can be under way any more.
        """
        trace, finder = self.memory.trace(is_quiet=is_quiet), self._finder(target, self._hook.retry)
        earlier = EarlierRuns(trace, finder, self._log.info, accept=terms.accept, settle=self._settle)
        found = self.drive(earlier.find())
        decision = decide(found, self.memory.identity.rerun, terms)
        self.drive(abort_runs(decision.abort, self._hook.retry, self._log.info))
        if found and decision.take is None:
            words = ", ".join(f"run {own.run.id} was {own.run.status}" for own in found)
            self._log.info("No run of an earlier attempt can be used (%s).", words)
        return decision

    def take(self, run: ActorRun, *, resurrect: bool) -> ActorRun:
        """Go on with the run of an earlier attempt."""
        self.run_id = run.id
        if not resurrect:
            self._log.info("An earlier attempt of this task started run %s: going on with it.", run.id)
            return run
        self._log.info("Run %s of an earlier attempt is %s: resurrecting it.", run.id, run.status)
        changer = Changer(self._hook.retry, self._log.info, settle=self._settle)
        return self.drive(changer.revive(run, RunOptions()))

    def start(self, target: Target, request: Request, terms: Terms, capacity: Capacity) -> ActorRun:
        """Start a run, once."""
        self.memory.note_intent()
        self._starter = Starter(
            request,
            self.memory.identity,
            self._finder(target, self._hook.retry),
            self._hook.retry,
            self._log.info,
            settle=self._settle,
            accept=terms.accept,
            capacity=capacity,
        )
        try:
            return self.drive(self._starter.start())
        except ApifyError:
            if self._starter.in_doubt_since is None:
                self._note(self.memory.withdraw_intent)
            raise

    def note(self, run: ActorRun) -> None:
        """Note the run for the next attempt.

        Airflow takes no note of an attempt that is over. Where the machine slept right before it sent its start, the
        next attempt has another run by now, so this one is aborted.

        :raises ApifyTaskStopped: that is so.
        """
        self.run_id = run.id
        is_noted = self._note(partial(self.memory.note_run, run.id))
        if not is_noted and self._is_superseded():
            raise ApifyTaskStopped(
                f"The next attempt has a run of its own. Run {run.id}: {self._abort(run.id, _HURRIED)}."
            )

    def _note(self, note: Callable[[], None]) -> bool:
        """Note something that the next attempt finds at Apify, too: so a note that fails ends nothing."""
        try:
            note()
        except Exception as trouble:  # noqa: BLE001 - each Airflow has errors of its own
            self._log.warning("Airflow could not note what became of the start; a retry asks Apify: %s", trouble)
            return False
        return True

    def _is_superseded(self) -> bool:
        """Tell whether this attempt has started a run although a later one has started another since it began."""
        began = self._context["ti"].start_date
        if self._starter is None or self._target is None or began is None:
            return False
        finder = self._finder(self._target, _HURRIED)
        try:
            return self.drive(later_has_started(finder, self.memory.identity, since=began.timestamp()))
        except ApifyError as trouble:
            self._log.warning("Whether the next attempt has a run of its own is unknown: %s", trouble)
            return False

    def stop(self, run: ActorRun) -> str:
        """Abort a run at its limit unless somebody has already, and say what became of it."""
        fate = self._abort(run.id, _UNHURRIED) if run.is_going else f"it is {run.status} now"
        self.is_judged = True
        return fate

    def _finder(self, target: Target, retry: RetryPolicy) -> Finder:
        return Finder(target, self.memory.identity.task, retry)

    @property
    def _settle(self) -> float:
        return self._hook.connection.start_settle_seconds

    # Keep or give up

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Keep the run, or give it up."""
        self._interruption.close()
        if self.is_judged:
            return
        if isinstance(error, AirflowTaskTimeout) or (error is not None and self._is_late()):
            self._give_up()
        elif self._interruption.is_told:
            self._stop(error)
        elif error is not None and not isinstance(error, TaskDeferred) and self._ends_task(error):
            self._give_up()

    def _stop(self, error: BaseException | None) -> None:
        """Keep the run or give it up, because the task was told to stop.

        :raises ApifyTaskStopped: unless the run is kept, and the task has come to its end or to where it defers.
        """
        state = self._state(error)
        if self._is_owned and is_given_up(self._end, state):
            fate = self._give_up(is_hurried=True)
        elif error is None or isinstance(error, TaskDeferred):
            return
        else:
            fate = "it goes on, and the next attempt goes on with it"
        cause = None if isinstance(error, Interrupted) else error
        raise ApifyTaskStopped(
            f"Airflow told the task to stop; the task is {state} now. Run {self.run_id or 'not known yet'}: {fate}."
        ) from cause

    def _state(self, error: BaseException | None) -> str | None:
        """Return the task's state as Airflow tells it; nobody is asked where it fails and no other attempt follows."""
        fails = error is not None and not isinstance(error, TaskDeferred)
        if fails and self._ends_task(ApifyTaskStopped("The task was told to stop.")):
            return "failed"
        try:
            return state_of(self._context["ti"])
        except Exception as trouble:  # noqa: BLE001 - each Airflow has errors of its own
            self._log.warning("Airflow does not tell the state of the task: %s", trouble)
            return NO_ANSWER

    def _give_up(self, *, is_hurried: bool = False) -> str:
        """Abort the run, also one that nobody knows the ID of, and say what became of it.

        :param is_hurried: whether Airflow is about to kill the process.
        """
        in_doubt_since = self._starter.in_doubt_since if self._starter else None
        run_id = self._known_run_id(may_be_earlier=in_doubt_since is None)
        if run_id is not None:
            return self._abort(run_id, _HURRIED if is_hurried else _UNHURRIED)
        if self._target is not None and in_doubt_since is not None:
            return self._abort_unknown(self._target, in_doubt_since, in_doubt_since, is_hurried=is_hurried)
        if self._target is not None and self.memory.may_have_started:
            trace = self.memory.trace(is_quiet=True)
            return self._abort_unknown(self._target, trace.since, trace.sent_at, is_hurried=is_hurried)
        return "none was started"

    def _abort_unknown(self, target: Target, since: float, near: float | None, *, is_hurried: bool) -> str:
        """Look for the run of a start whose answer nobody has, and abort it.

        :param since: Unix time before which it was not started.
        :param near: Unix time about which it was started, where that is known.
        """
        retry, pauses = _HURRIED, HURRIED_PAUSES
        if not is_hurried:
            retry, pauses = _UNHURRIED, (0.0, *(share * self._settle for share in LOOKS))
        finder = self._finder(target, retry)
        finder.be_patient()
        flow = abort_whatever_goes_on(finder, since, retry, self._log.info, near=near, pauses=pauses)
        try:
            aborted = self._hook.with_retry(retry).drive(flow)
        except ApifyError as trouble:
            marker = self.memory.identity.marker
            words = (
                "A run may have been started and go on: look in Apify Console for one whose User-Agent ends in %s (%s)"
            )
            self._log.error(words, marker, trouble)
            return "it may go on"
        return f"{aborted[0].id} is aborted" if aborted else "none goes on, as far as Apify tells"

    def _abort(self, run_id: str, retry: RetryPolicy) -> str:
        try:
            # With a session of its own: what was interrupted may have left the other in the middle of something.
            run = self._hook.with_retry(retry).abort_run(run_id)
        except (ApifyError, ValueError, AirflowNotFoundException) as trouble:
            words = "Run %s could not be aborted and may go on and cost money; look at %s: %s"
            self._log.error(words, run_id, run_url(run_id), trouble)
            return "it could not be aborted and may go on"
        self._log.info("Nobody watches run %s any more: it is %s now.", run_id, run.status)
        return f"it is {run.status} now"

    def _known_run_id(self, *, may_be_earlier: bool) -> str | None:
        """Return the ID of the run: this attempt's, else the one that Airflow has kept of an earlier one.

        :param may_be_earlier: whether this attempt has not begun to start one of its own.
        """
        own = self.run_id or (self._starter.run_id if self._starter else None)
        if own or not may_be_earlier:
            return own
        try:
            # What was noted before a start that nobody has noted yet is over.
            noted = None if self.memory.may_have_started else self.memory.run_id
            return noted or stored_run_id(self._context)
        except Exception as trouble:  # noqa: BLE001 - each Airflow has errors of its own
            self._log.warning("Airflow does not tell the run of an earlier attempt: %s", trouble)
            return None
