"""The triggers that watch a run while its task waits without a worker."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Literal

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_apify._airflow.metrics import Count, count
from airflow_provider_apify._airflow.observing import waiting
from airflow_provider_apify._airflow.run_progress import ProgressLog, Reminder
from airflow_provider_apify.exceptions import ApifyError
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.links import place_of
from airflow_provider_apify.models.runs import ActorRun
from airflow_provider_apify.options import Target
from airflow_provider_apify.triggers._base import POKE_SECONDS, SPREAD_SECONDS, WatchingTrigger
from airflow_provider_apify.triggers._guard import has_given_up

ABORT_ATTEMPTS = 12
"""For a run that nobody watches any more, because it costs money: about five minutes."""
_LIST_LAG = timedelta(seconds=30)
# A busy triggerer may take so long to begin. Airflow takes about half a minute to notice that a triggerer is gone.
_LONGEST_BEGINNING_SECONDS, _TAKEOVER_SECONDS = 120.0, 60.0
# asyncio forgets tasks that nobody holds.
_ABORTS: set[asyncio.Task[None]] = set()
# Airflow 3.3 tells a trigger that a user killed its task; older ones only cancel it.
_AIRFLOW_CALLS_ON_KILL = hasattr(BaseTrigger, "on_kill")


class ApifyRunTrigger(WatchingTrigger):
    """Fire once, when the run is finished, the deadline has passed, or the run has become too expensive.

    It reports what it saw (:meth:`RunEvent.to_payload <airflow_provider_apify.models.RunEvent.to_payload>`); whether
    that is good or bad is for the task to say.

    :param run_id: the run to watch.
    :param apify_conn_id: connection whose token may see it.
    :param deadline: Unix time at which to fire before the end; ``None`` watches for ever.
    :param poll_interval: seconds between plain requests; ``None`` long-polls: about one request a minute, and the end
        is seen at once. More than a thousand such triggers share one poll of their account's runs every few seconds.
    :param settle: seconds after the end at which the run is read once more, for its final cost.
    :param cost_limit: US dollars of platform usage above which to fire before the end; looked at once a minute, or at
        each ``poll_interval``.
    :param abort_on_kill: whether the run belongs to the task and is aborted when a user marks the task or clears it.
    :param abort_at_limit: whether the run is aborted at the deadline and above the cost limit. The task may have to
        wait for a worker before it can do so itself; it still has to try where the event's run goes on.
    :param follow_log_since: Unix time at which the task began to wait; the run's log is shown in the trigger's from
        then on. A trigger that begins much later goes on for another triggerer, with the lines of the last minute.
        ``None`` shows none.
    """

    def __init__(
        self,
        *,
        run_id: str,
        apify_conn_id: str = ApifyHook.default_conn_name,
        deadline: float | None = None,
        poll_interval: float | None = None,
        settle: float = 0.0,
        cost_limit: float | None = None,
        abort_on_kill: bool = False,
        abort_at_limit: bool = False,
        follow_log_since: float | None = None,
    ) -> None:
        super().__init__(
            run_id=run_id,
            apify_conn_id=apify_conn_id,
            deadline=deadline,
            poll_interval=poll_interval,
            settle=settle,
            cost_limit=cost_limit,
            abort_on_kill=abort_on_kill,
            abort_at_limit=abort_at_limit,
            follow_log_since=follow_log_since,
        )
        self.run_id = run_id
        self.hook = ApifyHook(apify_conn_id)
        self.abort_on_kill = abort_on_kill
        self.abort_at_limit = abort_at_limit
        self.follow_log_since = follow_log_since
        self._wait_for_run = partial(
            self.hook.async_wait_for_run,
            run_id,
            deadline=deadline,
            poll_interval=poll_interval,
            first_delay=random.uniform(0, SPREAD_SECONDS),
            settle=settle,
            cost_limit=cost_limit,
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Watch the run. Errors are not caught: Airflow logs the traceback and fails the task."""
        try:
            with waiting(self.task_instance) as ended:
                event = await self._wait_for_run(on_update=ProgressLog(self.log), **self._following())
                ended(event.run)
            if self.abort_at_limit and (event.deadline_passed or event.cost_limit_passed):
                event = replace(event, run=await self._stop(event.run))
            await self.hold()
        except asyncio.CancelledError:
            if not _AIRFLOW_CALLS_ON_KILL:
                await self.on_kill()
            raise
        yield TriggerEvent(event.to_payload())  # type: ignore[no-untyped-call]

    def _following(self) -> dict[str, Any]:
        """Return what has the run's log shown, each line once as far as can be told."""
        if self.follow_log_since is None:
            return {}
        now = time.time()
        goes_on_for_another = now - self.follow_log_since > _LONGEST_BEGINNING_SECONDS
        since = now - _TAKEOVER_SECONDS if goes_on_for_another else None
        return {"on_log_line": partial(self.log.info, "%s"), "log_since": since}

    async def _stop(self, run: ActorRun) -> ActorRun:
        """Abort the run at its limit, and return it as it is then; where that fails, the task tries again."""
        try:
            aborted = await self.hook.async_abort_run(run.id, attempts=ABORT_ATTEMPTS)
        except ApifyError:
            self.log.exception("Run %s could not be aborted and goes on for now: %s", run.id, run.console_url)
            return run
        count(Count.RUN_ABORTED, self.task_instance, int(aborted.is_stopped))
        return aborted

    async def on_kill(self) -> None:
        """Abort the run when a user has taken the task away from it. Called by Airflow 3.3 and later.

        Airflow cancels this call about once a second, so the abort is a task of its own, which outlives it.
        """
        if self.abort_on_kill:
            abort = asyncio.create_task(self._abort())
            _ABORTS.add(abort)
            abort.add_done_callback(_ABORTS.discard)
            await asyncio.shield(abort)

    async def _abort(self) -> None:
        """Abort the run unless the task lives on elsewhere. Nobody waits for this: errors go to the log."""
        try:
            if self.task_instance is not None and not await has_given_up(self.task_instance, self.log):
                words = (
                    "The task waits on without this trigger: in another triggerer, or in a later attempt. "
                    "That one decides about run %s; here it is left alone."
                )
                self.log.info(words, self.run_id)
                return
            run = await self.hook.async_abort_run(self.run_id, attempts=ABORT_ATTEMPTS)
        except Exception:
            self.log.exception(
                "Run %s could not be aborted and may go on: %s", self.run_id, place_of(self.hook, self.run_id)
            )
        else:
            count(Count.RUN_ABORTED, self.task_instance, int(run.is_stopped))
            self.log.info("The task does not wait any more: run %s is now %s.", run.id, run.status)


class ApifyLastRunTrigger(WatchingTrigger):
    """Fire once, when a matching run of an Actor or task is finished; wait for one where there is none yet.

    The run is the first one since ``started_after``, or the newest one. Where ``started_before`` has passed and there
    is none, the event's ``run`` is ``None``.

    :param target_kind: ``"actor"`` or ``"task"``.
    :param target_id: the Actor's or task's ID.
    :param status: only runs in this status.
    :param origin: only runs started this way.
    :param started_after: ISO 8601, with a zone; ``None`` means the newest run, however old.
    :param started_before: the same; ``None`` for no end.
    :param poke_interval: seconds between two looks for a run.
    """

    def __init__(
        self,
        *,
        target_kind: Literal["actor", "task"],
        target_id: str,
        apify_conn_id: str = ApifyHook.default_conn_name,
        status: str | None = None,
        origin: str | None = None,
        started_after: str | None = None,
        started_before: str | None = None,
        poke_interval: float = POKE_SECONDS,
    ) -> None:
        super().__init__(
            target_kind=target_kind,
            target_id=target_id,
            apify_conn_id=apify_conn_id,
            status=status,
            origin=origin,
            started_after=started_after,
            started_before=started_before,
            poke_interval=poke_interval,
        )
        self.target = Target(target_kind, target_id)
        self.hook = ApifyHook(apify_conn_id)
        self.status = status
        self.origin = origin
        self.started_after = None if started_after is None else datetime.fromisoformat(started_after)
        self.started_before = None if started_before is None else datetime.fromisoformat(started_before)
        self.poke_interval = poke_interval

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Find the run, then watch it. Airflow's own deferral time-out bounds the search.

        :raises ApifyNotFoundError: there is no such Actor or task, so that no run will come.
        """
        run_id = await self._find()
        if run_id is None:
            await self.hold()
            yield TriggerEvent({"run": None})  # type: ignore[no-untyped-call]
            return
        with waiting(self.task_instance) as ended:
            event = await self.hook.async_wait_for_run(run_id, on_update=ProgressLog(self.log))
            ended(event.run)
        await self.hold()
        yield TriggerEvent(event.to_payload())  # type: ignore[no-untyped-call]

    async def _find(self) -> str | None:
        await asyncio.sleep(random.uniform(0, SPREAD_SECONDS))
        remind = Reminder(self.log)
        while True:
            is_too_late = is_over(self.started_before)
            run = await self._look()
            if run is not None:
                self.log.info("%s", found_words(run))
                return run.id
            if is_too_late:
                return None
            since = "" if self.started_after is None else f" since {self.started_after:%Y-%m-%d %H:%M:%S %Z}"
            remind(f"No run of {self.target} has started{since} yet.")
            await asyncio.sleep(self.poke_interval)

    async def _look(self) -> ActorRun | None:
        if self.started_after is None and self.started_before is None:
            return await self.hook.async_look_for_last_run(self.target, status=self.status, origin=self.origin)
        return await self.hook.async_look_for_run_of_a_time(
            self.target,
            status=self.status,
            origin=self.origin,
            started_after=self.started_after,
            started_before=self.started_before,
        )


def is_over(started_before: datetime | None) -> bool:
    """Tell whether no run can start before a time any more, nor turn up late in Apify's lists."""
    return started_before is not None and datetime.now(UTC) > started_before + _LIST_LAG


def found_words(run: ActorRun) -> str:
    """Say which run is taken."""
    started = "at a time nobody knows" if run.started_at is None else f"{run.started_at:%Y-%m-%d %H:%M:%S} UTC"
    return f"Taking run {run.id}, started {started} (origin {run.meta.origin}): {run.console_url}"
