"""The sensor that waits for a run somebody else started."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from airflow.providers.common.compat.sdk import AirflowSensorTimeout, PokeReturnValue

from airflow_provider_apify._airflow.arguments import Name, Reference
from airflow_provider_apify._airflow.due import due_of, usual_period_of
from airflow_provider_apify._airflow.failing import WatchedForError, failing_fast, for_good
from airflow_provider_apify._airflow.metrics import time_wait
from airflow_provider_apify._airflow.run_progress import ProgressLog
from airflow_provider_apify._api.facts import MAX_PAGE
from airflow_provider_apify._arguments.moments import ANY, Moment, check_moment, read_moment
from airflow_provider_apify._arguments.references import check_id
from airflow_provider_apify._arguments.templates import NOT_THERE, is_template
from airflow_provider_apify.exceptions import ApifyRunError
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.links import RUN_LINKS, links_of_run, store_links
from airflow_provider_apify.models.runs import ORIGINS, STATUSES, ActorRun, RunEvent
from airflow_provider_apify.operators._base import ApifyTask
from airflow_provider_apify.options import Target
from airflow_provider_apify.sensors._deferring import DeferrableSensor
from airflow_provider_apify.triggers.run import ApifyLastRunTrigger, ApifyRunTrigger, found_words, is_over

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context


_DUE = timedelta(0)
_ANY_TIME: dict[str, datetime | None] = {"started_after": None, "started_before": None}


class ApifyRunSensor(ApifyTask, DeferrableSensor):
    """Wait until a run has ``SUCCEEDED``; fail, or skip with ``soft_fail``, if it ends in any other way.

    It watches either one run (``run_id``), or a run of an Actor or task that somebody else starts, for example Apify's
    scheduler: the first one that started since the DAG run was due. An older one may be yesterday's, so it does not
    count; the log names it and says what to write where it is meant. Every attempt, and every clear, watches the same
    run. It never aborts a run. ``timeout``, ``poke_interval`` and ``mode`` are Airflow's own. ``soft_fail`` skips where
    the run ended badly or the time is over; a wrong token or a mistyped ID fails the task all the same.

    Reference: https://docs.apify.com/api/v2/actor-run-get, https://docs.apify.com/api/v2/act-runs-last-get

    :param run_id: the run to watch: its ID, or the address of its page at Apify. (templated)
    :param actor_id: watch a run of this Actor: ID, ``username/actor-name`` or address. (templated)
    :param actor_task_id: watch a run of this saved task. (templated)
    :param status: with ``actor_id`` or ``actor_task_id``: only a run in this status. (templated)
    :param origin: with ``actor_id`` or ``actor_task_id``: only a run started this way, for example ``"SCHEDULER"``,
        ``"API"``, ``"WEB"``. (templated)
    :param started_after: with ``actor_id`` or ``actor_task_id``: the first run that started then or later. A timedelta
        counts from when the DAG run was due (of one by hand or by an asset: was made), so ``timedelta(hours=-3)`` takes
        a run of the three hours before, too. Or a time with a zone, also as ISO 8601 text. ``"any"`` takes the newest
        run, however old. Default: since the DAG run was due. (templated)
    :param started_before: the same, exclusive: once it has passed and no run has started, the sensor fails. Give it
        where DAG runs are cleared or backfilled: a day without a run must not take the run of the next. For a daily DAG
        it is a day after ``started_after``: ``timedelta(days=1)``, or ``timedelta(hours=21)`` with
        ``started_after=timedelta(hours=-3)``. ``None`` waits until ``timeout``; the log warns of a run that started a
        whole data interval after ``started_after``, or a day where the DAG run has none. (templated)
    :param apify_conn_id: Airflow connection of type ``apify``. (templated)
    :param deferrable: wait in the triggerer, by long-poll, instead of poking. Default: Airflow's
        ``[operators] default_deferrable``.
    :return: (XCom) the run, as :meth:`ActorRun.to_dict() <airflow_provider_apify.models.ActorRun.to_dict>`.
    :raises ValueError: at parse time, wrong arguments.
    :raises AirflowFailException: the run ended badly, there is no such run, Actor or task, or another error that no
        retry can cure.
    """

    operator_extra_links = RUN_LINKS
    template_fields: Sequence[str] = (
        *("run_id", "actor_id", "actor_task_id", "status", "origin"),
        *("started_after", "started_before", "apify_conn_id"),
    )
    _left_out_words: str | None = None

    def __init__(
        self,
        *,
        run_id: Reference | None = None,
        actor_id: Name | None = None,
        actor_task_id: Name | None = None,
        status: str | None = None,
        origin: str | None = None,
        started_after: Moment = _DUE,
        started_before: Moment | None = None,
        apify_conn_id: str = ApifyHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.run_id = cast("str | None", run_id)
        self.actor_id = cast("str | None", actor_id)
        self.actor_task_id = cast("str | None", actor_task_id)
        self.status = status
        self.origin = origin
        self.started_after = started_after
        self.started_before = started_before
        self.apify_conn_id = apify_conn_id
        self._check_arguments()

    def execute(self, context: Context) -> Any:
        """Poke here, or look once and defer; an error about the time says which run was left out."""
        with self._telling_what_was_left_out(context):
            return super().execute(context)

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Resume after the trigger fired, failed, or ran out of time."""
        with self._telling_what_was_left_out(context):
            return super().resume_execution(next_method, next_kwargs, context)

    def execute_complete(self, context: Context, event: Mapping[str, Any]) -> dict[str, Any]:
        """Resume after the trigger fired."""
        if event["run"] is None:
            raise self._none_came(context)
        run = RunEvent.from_payload(event).run
        store_links(self, context, links_of_run(run))
        self._tell_found(run, context)
        return self._judge(run)

    def poke(self, context: Context) -> PokeReturnValue:
        """Look once."""
        with failing_fast():
            self._check_arguments()  # again, with the templates rendered
            is_too_late = self.run_id is None and is_over(self._times(context)["started_before"])
            run = self._look(context)
            if run is None:
                if is_too_late:
                    raise self._none_came(context)
                self.log.info("%s has no such run yet. %s", self._target(), self._hint(context))
                return PokeReturnValue(is_done=False)
        store_links(self, context, links_of_run(run))
        self._tell_found(run, context)
        ProgressLog(self.log)(run)
        if run.is_finished and self.mode != "reschedule":  # its attempts begin anew with each look
            time_wait(context["ti"], run)
        return PokeReturnValue(is_done=run.is_finished, xcom_value=self._judge(run) if run.is_finished else None)

    def _tell_found(self, run: ActorRun, context: Context) -> None:
        """Say which run is taken, and whether it may be of a later DAG run: Airflow does not say when that is due."""
        if self.run_id is not None:
            return
        self.log.info("%s", found_words(run))
        if self.started_before is not None or self.started_after == ANY or run.started_at is None:
            return
        due, period = due_of(context), usual_period_of(context)
        after = read_moment("started_after", self.started_after, due)
        if run.started_at >= after + period:
            words = (
                "It started %.1f hours after started_after, so it may be of a later DAG run. Where that must not be, "
                "write started_before=timedelta(hours=%g)."
            )
            self.log.warning(words, _hours(after, run.started_at), _hours(due, after + period))

    def _look(self, context: Context) -> ActorRun | None:
        if self.run_id is not None:
            return self.hook.get_run(self.run_id)
        times = self._times(context)
        if times == _ANY_TIME:
            return self.hook.look_for_last_run(self._target(), status=self.status, origin=self.origin)
        found = self.hook.look_for_run_of_a_time(self._target(), status=self.status, origin=self.origin, **times)
        return None if found is None else self.hook.get_run(found.id)  # lists do not tell all

    def _times(self, context: Context) -> dict[str, datetime | None]:
        """Return between which times the run has to have started.

        :raises ValueError: a template has made something of them that is no time.
        """
        after, before = self.started_after, self.started_before
        if after == ANY and before is None:
            return _ANY_TIME
        due = due_of(context)
        return {
            "started_after": None if after == ANY else read_moment("started_after", after, due),
            "started_before": None if before is None else read_moment("started_before", before, due),
        }

    def _hint(self, context: Context) -> str:
        """Do what :meth:`_left_out` does, once: what has started before a time does not change any more."""
        if self._left_out_words is None:
            self._left_out_words = self._left_out(context)
        return self._left_out_words

    def _left_out(self, context: Context) -> str:
        """Say which run is too old, and what to write where it is meant; nothing where there is none."""
        after = self._times(context)["started_after"]
        if after is None:
            return ""
        # No more than a page: it is a hint, and there may be very many runs of another origin.
        runs = self.hook.iterate_runs(
            self._target(), status=self.status or (), started_before=after, desc=True, limit=MAX_PAGE
        )
        run = next((run for run in runs if self.origin in {None, run.meta.origin}), None)
        if run is None or run.started_at is None:
            return ""
        hours = int(_hours(run.started_at, due_of(context)) // 1) + 1
        return (
            f"Run {run.id} started {run.started_at:%Y-%m-%d %H:%M:%S} UTC, before {after:%Y-%m-%d %H:%M:%S %Z}, so it "
            f"does not count: it may be of an earlier DAG run. If it is meant, write "
            f'started_after=timedelta(hours={-hours}); started_after="any" takes the newest run, however old.'
        )

    def _none_came(self, context: Context) -> WatchedForError:
        times = self._times(context)
        return WatchedForError(
            f"No run of {self._target()} has started between {times['started_after'] or 'any time'} and "
            f"{times['started_before']}. To take one from outside, change started_after or started_before."
        )

    @contextmanager
    def _telling_what_was_left_out(self, context: Context) -> Iterator[None]:
        """Let a timeout say which run is too old; it stays a timeout where that cannot be told."""
        try:
            yield
        except AirflowSensorTimeout as error:
            hint = "" if self.run_id is not None else self._hint_if_known(context)
            if not hint:
                raise
            raise AirflowSensorTimeout(f"{error} {hint}") from error

    def _hint_if_known(self, context: Context) -> str:
        try:
            return self._hint(context)
        except Exception as trouble:  # noqa: BLE001 - each Airflow has errors of its own
            self.log.warning("Whether an older run was left out is unknown: %s", trouble)
            return ""

    def _judge(self, run: ActorRun) -> dict[str, Any]:
        """Return the run if it succeeded. A finished run stays as it is, so a retry of the sensor cannot help."""
        try:
            run.raise_for_status(actor=None if self.run_id else self._target().id)
        except ApifyRunError as error:
            raise for_good(error, WatchedForError) from error
        return run.to_dict()

    def _trigger(self, context: Context) -> ApifyRunTrigger | ApifyLastRunTrigger:
        if self.run_id is not None:
            return ApifyRunTrigger(run_id=self.run_id, apify_conn_id=self.apify_conn_id)
        target, times = self._target(), self._times(context)
        return ApifyLastRunTrigger(
            target_kind=target.kind,
            target_id=target.id,
            apify_conn_id=self.apify_conn_id,
            status=self.status,
            origin=self.origin,
            **{name: None if time is None else time.isoformat() for name, time in times.items()},
            poke_interval=self.poke_interval,
        )

    def _target(self) -> Target:
        return Target.choose(self.actor_id, self.actor_task_id)

    def _check_arguments(self) -> None:
        """Check what is known before templates are rendered, so that a mistake shows when the DAG is parsed."""
        watched = [self.run_id, self.actor_id, self.actor_task_id]
        if sum(one is not None for one in watched) != 1:
            raise ValueError(
                "Give exactly one of run_id (a run), actor_id and actor_task_id (a run of an Actor or task)."
                f"{'' if any(watched) else f' {NOT_THERE}'}",
            )
        check_id("run", self.run_id)
        if self.run_id is not None and (self.status is not None or self.origin is not None):
            raise ValueError("status and origin choose among the runs of actor_id or actor_task_id; run_id needs none.")
        self._check_times()
        if self.run_id is None and not is_template((self.actor_id, self.actor_task_id)):
            self._target()
        for name, value, allowed in (("status", self.status, STATUSES), ("origin", self.origin, ORIGINS)):
            if value is not None and not is_template(value) and value not in allowed:
                raise ValueError(f"{name} must be one of {', '.join(sorted(allowed))}, not {value!r}.")

    def _check_times(self) -> None:
        after, before = self.started_after, self.started_before
        if self.run_id is not None and (after != _DUE or before is not None):
            words = "started_after and started_before choose among the runs of actor_id or actor_task_id; "
            raise ValueError(f"{words}run_id needs none.")
        if after != ANY:
            check_moment("started_after", after)
        if before is not None:
            check_moment("started_before", before)
        if isinstance(after, timedelta) and isinstance(before, timedelta) and before <= after:
            raise ValueError(f"started_before must be later than started_after, and {before!r} is not.")


def _hours(start: datetime, end: datetime) -> float:
    return (end - start).total_seconds() / 3600  # Pendulum's spans cannot be divided by others
