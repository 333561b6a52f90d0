"""The operator that runs an Actor or a saved task."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowSkipException

from airflow_provider_apify._airflow.attempts import attempt_of, is_of_another
from airflow_provider_apify._airflow.failing import failing_fast
from airflow_provider_apify._airflow.observing import starting, waiting
from airflow_provider_apify._airflow.outlets import Lineage
from airflow_provider_apify._airflow.run_progress import ProgressLog
from airflow_provider_apify._api.actors import validate_for_run
from airflow_provider_apify._api.runs.choosing import may_be_of
from airflow_provider_apify._api.runs.starting import Capacity
from airflow_provider_apify._arguments.values import parse_seconds
from airflow_provider_apify.exceptions import (
    ApifyCapacityError,
    ApifyRequestTooLate,
    ApifyRunTimedOut,
    ApifyRunTooExpensive,
)
from airflow_provider_apify.links import RUN_LINKS
from airflow_provider_apify.models._fields import dollars
from airflow_provider_apify.models.runs import ActorRun, RunEvent
from airflow_provider_apify.models.storages import Dataset
from airflow_provider_apify.operators._endings import copy_log, dataset_of
from airflow_provider_apify.operators._interruption import Interruption
from airflow_provider_apify.operators._lineage import LineageTask
from airflow_provider_apify.operators._needed_extras import lacking
from airflow_provider_apify.operators._run_arguments import RunArguments
from airflow_provider_apify.operators._task_run import TaskRun
from airflow_provider_apify.triggers.capacity import ApifyCapacityTrigger
from airflow_provider_apify.triggers.run import ApifyRunTrigger

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

_LOOKS = 4
_FAILED_LOG_FACTOR = 5


class RunActorOperator(LineageTask, RunArguments):
    """Run an Apify Actor or a saved task and, by default, wait until the run is finished.

    The task owns its run. Between two deliberate reruns (a clear, a reprocessing backfill) at most one run is started
    and kept, whatever dies: a retry finds the run of the attempt before and goes on with it. The run is aborted when
    the task is killed, marked or cleared while it waits, when ``execution_timeout`` passes, and when the last attempt
    has to give up watching it. Exactly one of ``actor_id`` and ``actor_task_id`` is given. Options left ``None`` are
    the Actor's or the task's own; see :class:`~airflow_provider_apify.options.RunOptions` for their units and ranges.

    Reference: https://docs.apify.com/api/v2/act-runs-post

    :param actor_id: Actor ID, ``username/actor-name``, or the address of its page at Apify. (templated)
    :param actor_task_id: the same of a saved Apify task. (templated)
    :param run_input: any JSON value, JSON text, or the path of a ``.json`` template file; at most 9 MiB. ``None`` runs
        with the saved or default input. Over a saved task's input it is merged by Apify. (templated)
    :param build: tag or number of the Actor's build. (templated)
    :param memory: megabytes, a power of 2 from 128 to 32768. (templated)
    :param run_timeout: seconds after which Apify stops the run; 0 is no limit. Where it is not given and the task has
        an ``execution_timeout``, a little less than that is used, so that the run ends even when everything here is
        gone, and ends in time for its partial results. (templated)
    :param max_items: for Actors paid per result, how many may be charged at most. (templated)
    :param max_total_charge_usd: for Actors paid per event, US dollars that may be charged at most. Bound Actors that
        are paid by their usage with ``run_timeout`` and ``abort_above_usd``. Like that one, it may have a default and a
        limit in the connection. (templated)
    :param restart_on_error: whether Apify restarts a run whose process fails. (templated)
    :param webhooks: ad-hoc webhooks of this run, as the API takes them. (templated)
    :param force_permission_level: ``"LIMITED_PERMISSIONS"`` or ``"FULL_PERMISSIONS"``, for Actors. (templated)
    :param apify_conn_id: Airflow connection of type ``apify``. (templated)
    :param wait_for_completion: ``False`` returns as soon as the run is started; nothing watches it then.
    :param deferrable: wait in the triggerer instead of holding a worker slot. Default: Airflow's
        ``[operators] default_deferrable``.
    :param poll_interval: seconds between plain status requests; ``None`` long-polls (recommended).
    :param accept_statuses: final statuses that count as success, for example
        ``("SUCCEEDED", "TIMED-OUT")`` for a crawl whose partial results are wanted.
    :param skip_statuses: final statuses that skip the task.
    :param on_failed_run: what a retry does when the run of an earlier attempt has failed: ``"new"`` starts another run,
        ``"resurrect"`` goes on with that run and its storages, ``"fail"`` fails without spending again.
    :param abort_on_kill: ``False`` leaves the run going when the task is killed or marked. (After a clear of a task
        that is deferred or over, the next attempt aborts it in any case, before it starts anew; after a clear of one
        that waits in a worker, which Airflow does not tell from a retry, it goes on with it.)
    :param abort_above_usd: abort the run, and fail for good, when it has cost more US dollars; looked at about every 10
        seconds, or once a minute when deferred, so that it may be overshot. Each run counts for itself: a retry after a
        failed run may spend as much again. Needs a token that may see the usage. (templated)
    :param wait_for_capacity: seconds to wait, when the account's memory or run slots are taken, for the run to be
        started, at most until ``execution_timeout``; deferred where the task is deferrable. 0 fails the attempt at
        once; nothing was started then.
    :param cost_settle_seconds: how long after the run's end its final cost is read. ``None``: the connection's value,
        else 10; ``0`` takes the preliminary cost and item count and returns at once.
    :param log_lines: how many of the last lines of the run's log to copy into the task's log; five times as many when
        the run failed; ``0`` for none. With ``follow_log`` only of a run that failed.
    :param follow_log: show the lines of the run's log in the task's log while the run goes on: about every 10 seconds,
        or every half minute when deferred; of a log of megabytes less often, and 200 lines at a time.
    :param validate_input: have Apify check the input against the Actor's input schema before a run is started, so that
        a wrong one fails the task for good and costs nothing; a request or two more.
    :return: (XCom) ids, status, times, cost, ``item_count`` of the dataset and links as a flat dictionary; see
        :meth:`ActorRun.to_dict() <airflow_provider_apify.models.ActorRun.to_dict>`. Each key is an XCom of its own as
        well: ``crawl.output["dataset_id"]``. ``run_id``, ``dataset_id``, ``key_value_store_id`` and ``run_url`` are
        there from the start, also where the run fails.
    :raises ValueError: at parse time, wrong arguments.
    :raises AirflowFailException: an error that no retry can cure: wrong token, unknown Actor, refused input, a
        ``monthly_budget_usd`` of the connection that is used up.
    :raises ApifyBudgetRenewsSoon: the connection's ``monthly_budget_usd`` is used up, and may be there again soon.
    :raises ApifyRunError: the run ended in another status.
    :raises ApifyCapacityError: no capacity in time; nothing was started.
    """

    operator_extra_links = RUN_LINKS

    _task_run: TaskRun | None = None

    @cached_property
    def _interruption(self) -> Interruption:
        return Interruption()

    def execute(self, context: Context) -> Any:
        """Start the run or go on with it, then wait for it here or in the triggerer."""
        patience = parse_seconds("wait_for_capacity", self.wait_for_capacity)
        until = min(time.time() + patience, self.deadline_of(context) or math.inf)
        return self._run(context, until)

    def execute_after_pause(self, context: Context, event: Mapping[str, Any], attempt: int | None = None) -> Any:
        """Ask again for a run that Apify had no capacity for."""
        if is_of_another(attempt, context):
            return self.execute(context)
        return self._run(context, event["until"], is_quiet=True)

    def execute_complete(self, context: Context, event: Mapping[str, Any], attempt: int | None = None) -> Any:
        """Resume after :class:`~airflow_provider_apify.triggers.run.ApifyRunTrigger` fired."""
        if is_of_another(attempt, context):
            return self.execute(context)
        with self._attempt(context) as task_run, failing_fast(task_run.may_exist):
            return self._finish(RunEvent.from_payload(event), task_run)

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Resume, also where the trigger failed: somebody has to look after the run then."""
        with self._attempt(context):
            return super().resume_execution(next_method, next_kwargs, context)

    def on_kill(self) -> None:
        """Note that the task is told to stop; what is due then is done when the signal handler has returned."""
        self._interruption.tell()

    @contextmanager
    def _attempt(self, context: Context, *, is_fresh: bool = False) -> Iterator[TaskRun]:
        """Be around all that an attempt does; see :class:`TaskRun`."""
        if self._task_run is not None and not self._task_run.is_over:
            yield self._task_run
            return
        self._task_run = TaskRun(self, context, self._interruption, is_fresh=is_fresh)
        with self._task_run:
            yield self._task_run

    def _run(self, context: Context, capacity_until: float, *, is_quiet: bool = False) -> Any:
        with self._attempt(context, is_fresh=True) as task_run:
            self.run_input = self._input(context)
            with failing_fast(task_run.may_exist):
                with starting() as started:
                    run = started(self._take_or_start(context, task_run, capacity_until, is_quiet=is_quiet))
                self.log.info("Run %s of %s is %s: %s", run.id, self.target, run.status, run.console_url)
                task_run.note(run)
                task_run.show(run)
                self._lineage = self._lineage_of(run)
                if not self.wait_for_completion:
                    return self._tell(context, run.to_dict(), self._lineage)
                return self._finish(self._wait(run, context, task_run), task_run)

    def _input(self, context: Context) -> Any:  # noqa: ARG002 - for what inherits
        """Return the input of the run."""
        return self.run_input

    def _take_or_start(self, context: Context, task_run: TaskRun, capacity_until: float, *, is_quiet: bool) -> ActorRun:
        """Go on with the run of an earlier attempt, or start one; look again where the machine slept in between."""
        for _ in range(_LOOKS - 1):
            try:
                return self._take_or_start_now(context, task_run, capacity_until, is_quiet=is_quiet)
            except ApifyRequestTooLate as error:
                self.log.info("%s Looking again for what other attempts have started.", error)
                is_quiet, task_run.memory.may_have_started = False, True
        return self._take_or_start_now(context, task_run, capacity_until, is_quiet=is_quiet)

    def _take_or_start_now(
        self, context: Context, task_run: TaskRun, capacity_until: float, *, is_quiet: bool
    ) -> ActorRun:
        target, options = self.target, self.run_options
        request = self.hook._start_request(target, self.run_input, options, is_watched=self.wait_for_completion)
        decision = task_run.choose(target, self._terms, is_quiet=is_quiet)
        if decision.take is not None:
            if not may_be_of(decision.take, target):
                words = "Run %s is not of %s, which the task asks for by now; clear the task to run that."
                self.log.warning(words, decision.take.id, target)
            return task_run.take(decision.take, resurrect=decision.resurrect)
        if self.validate_input:
            task_run.drive(validate_for_run(target, request.body, options.build, self.hook.retry))
        if self.is_overdue(context):
            raise ApifyRunTimedOut("Nothing was started: the task's execution_timeout is over.")
        if not is_quiet:
            self._tell_what_is_lacking()
        waits_here = Capacity(0.0 if self.deferrable else capacity_until, self.capacity_pause)
        try:
            return task_run.start(target, request, self._terms, waits_here)
        except ApifyCapacityError as error:
            if not self.deferrable or time.time() >= capacity_until:
                raise
            self.log.info("%s Waiting for capacity.", error)
            trigger = ApifyCapacityTrigger(seconds=self.capacity_pause, until=capacity_until)
            self.defer(trigger=trigger, method_name="execute_after_pause", kwargs=attempt_of(context))

    def _tell_what_is_lacking(self) -> None:
        """Warn of tasks behind this one that would fail here, before the run costs anything."""
        for lack in lacking(self.get_flat_relatives(upstream=False)):
            self.log.warning("%s. This worker does not have it, and the run is about to be started.", lack)

    def _wait(self, run: ActorRun, context: Context, task_run: TaskRun) -> RunEvent:
        # A deferral that ends at once costs a second worker, and on a busy Airflow before 3.4 may fail the attempt.
        if self.deferrable and not run.is_finished:
            task_run.check()
            self.defer(trigger=self._trigger(run, context), method_name="execute_complete", kwargs=attempt_of(context))
        with waiting(context["ti"]) as ended:
            event = self.hook.wait_for_run(
                run.id,
                deadline=self.deadline_of(context),
                poll_interval=self.poll_seconds,
                settle=self.settle_seconds,
                cost_limit=self.cost_limit,
                on_update=ProgressLog(self.log),
                on_log_line=partial(self.log.info, "%s") if self.follow_log else None,
                guard=self._interruption,
            )
            ended(event.run)
        return event

    def _trigger(self, run: ActorRun, context: Context) -> ApifyRunTrigger:
        return ApifyRunTrigger(
            run_id=run.id,
            apify_conn_id=self.apify_conn_id,
            deadline=self.deadline_of(context),
            poll_interval=self.poll_seconds,
            settle=self.settle_seconds,
            cost_limit=self.cost_limit,
            abort_on_kill=self.abort_on_kill,
            abort_at_limit=True,
            follow_log_since=time.time() if self.follow_log else None,
        )

    @property
    def _limit_in_words(self) -> str:
        limits = self.hook._connection.limits
        return str(self.abort_above_usd or f"{limits.abort_above(None)}, which {limits.source} sets")

    def _finish(self, event: RunEvent, task_run: TaskRun) -> Any:
        """Judge the run. Both ways of waiting end here."""
        run = event.run
        task_run.see_end(run)
        self._lineage = self._lineage_of(run)
        if event.deadline_passed:
            raise ApifyRunTimedOut(
                f"Run {run.id} of {self.target} had not ended at the task's execution_timeout of "
                f"{self.execution_timeout}; {task_run.stop(run)} ({run.console_url}).",
                **run.details(self.target.id),
            )
        if event.cost_limit_passed:
            raise ApifyRunTooExpensive(
                f"Run {run.id} of {self.target} has used {dollars(run.usage_total_usd)}, above abort_above_usd of "
                f"{self._limit_in_words}; {task_run.stop(run)} ({run.console_url}).",
                **run.details(self.target.id),
            )
        task_run.is_judged = True
        self.log.info("Platform usage of run %s: %s.", run.id, dollars(run.usage_total_usd))
        self._tell_overspent(run)
        is_accepted = run.status in self.accept_statuses
        copy_log(self.hook, run, self._lines_to_copy(is_accepted=is_accepted), self.log)
        if run.status in self.skip_statuses:
            raise AirflowSkipException(
                f"Run {run.id} of {self.target} is {run.status}: skipped, as skip_statuses says."
            )
        run.raise_for_status(self.accept_statuses, actor=self.target.id)
        dataset = dataset_of(self.hook, run, self.log)
        result = {**run.to_dict(), "item_count": dataset and dataset.item_count}
        return self._tell(task_run.context, result, self._lineage_of(run, dataset))

    def _planned_lineage(self) -> Lineage:
        return self._lineage_of()

    def _lineage_of(self, run: ActorRun | None = None, dataset: Dataset | None = None) -> Lineage:
        return Lineage.of_run(self.target.id, self.run_input, run, dataset)

    def _tell_overspent(self, run: ActorRun) -> None:
        """Warn where the run has cost more than ``max_total_charge_usd``, which Apify keeps only for some Actors."""
        used, limit = run.usage_total_usd, run.options.max_total_charge_usd
        if used is not None and limit is not None and used > limit:
            words = (
                "Run %s has used %s, above its max_total_charge_usd of %s. "
                "Apify does not stop runs that are paid by usage there: write abort_above_usd."
            )
            self.log.warning(words, run.id, dollars(used), dollars(limit))

    def _lines_to_copy(self, *, is_accepted: bool) -> int:
        if is_accepted:
            return 0 if self.follow_log else self.log_lines  # they were shown already
        return self.log_lines * _FAILED_LOG_FACTOR
