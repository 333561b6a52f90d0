"""Runs: start one, read one, list many, wait for the end."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import Any

from airflow_provider_apify._api import flows
from airflow_provider_apify._api.actors import identify, name_of
from airflow_provider_apify._api.facts import MAX_PAGE, MAX_WAIT_SECONDS
from airflow_provider_apify._api.flows import Flow
from airflow_provider_apify._api.pages import by_offset, read_limit
from airflow_provider_apify._api.request import Request
from airflow_provider_apify._api.runs import endpoints, reading
from airflow_provider_apify._api.runs.choosing import Terms, decide
from airflow_provider_apify._api.runs.ends import Look, look_for_ends
from airflow_provider_apify._api.runs.finding import EarlierRuns, Finder, Trace
from airflow_provider_apify._api.runs.identity import Identity
from airflow_provider_apify._api.runs.input import encode_input
from airflow_provider_apify._api.runs.reading import look_for_last_run, look_for_run_of_a_time
from airflow_provider_apify._api.runs.showing import LogShower
from airflow_provider_apify._api.runs.starting import Starter
from airflow_provider_apify._api.runs.waiting import Waiting, wait_for_run
from airflow_provider_apify.hooks._client import ApifyClient
from airflow_provider_apify.models.runs import FINISHED_STATUSES, ActorRun, RunEvent
from airflow_provider_apify.options import RunOptions, Target

# A worker shows the Actor's status messages while it waits; the triggerer, with thousands of runs, asks less often.
_WORKER_LONG_POLL_SECONDS = 10
# Whoever follows a log wants to read it while it is new.
_FOLLOWING_LONG_POLL_SECONDS = 30

_START_LOST = (
    "The run may have been started: look in Apify Console. Not repeated; a retry of the task would start, and bill, "
    "another, where start_run_once, @task.apify_actor and RunActorOperator go on with the one that is there."
)


class Runs(ApifyClient):
    """The methods of :class:`~airflow_provider_apify.hooks.apify.ApifyHook` for runs.

    Where a ``run_id`` is taken, the address of the run's page in Apify Console does as well.
    """

    def start_run(
        self,
        target: Target | str,
        run_input: Any = None,
        *,
        options: RunOptions | Mapping[str, Any] | None = None,
    ) -> ActorRun:
        """Start an Actor or a saved task and return at once, without waiting for the run to finish.

        Each call starts, and bills, another run; so does a retry of the task that calls it, also where only the answer
        was lost. In a task with ``retries``, use :meth:`start_run_once`, ``@task.apify_actor`` or
        :class:`~airflow_provider_apify.operators.run_actor.RunActorOperator`.

        See https://docs.apify.com/api/v2/act-runs-post and https://docs.apify.com/api/v2/actor-task-runs-post.

        :param target: an Actor's ID, ``username/name`` or the address of its page, or a
            :class:`~airflow_provider_apify.options.Target`, for example ``Target("task", "username/task-name")``.
        :param run_input: any JSON value, or JSON text; ``None`` sends no body, so the saved or default input applies.
        :param options: build, memory in megabytes, run_timeout in seconds, max_total_charge_usd in US dollars, ...; a
            dictionary of them does as well.
        :return: the new run, usually ``READY``.
        :raises ValueError: the input is no JSON or above 9 MiB, the options exceed the connection's limits, or it has
            a ``limit_abort_above_usd``, which nobody would keep.
        :raises ApifyNotFoundError: no such Actor or task, or the token may not see it.
        :raises ApifyCapacityError: the account's memory or run slots are taken; nothing was started.
        :raises ApifyBudgetUsedUp: so is the connection's ``monthly_budget_usd``; nothing was started.
        :raises ApifyConnectionError: no answer. Not repeated: the run may have started.
        :raises ApifyServerError: Apify failed. Not repeated either, for the same reason.
        """
        request = self._start_request(Target.of(target), run_input, RunOptions.of(options))
        return ActorRun.from_api(self._call(replace(request, if_lost=_START_LOST)))

    def start_run_once(
        self,
        key: str,
        target: Target | str,
        run_input: Any = None,
        *,
        since: datetime,
        may_exist: bool = True,
        options: RunOptions | Mapping[str, Any] | None = None,
    ) -> ActorRun:
        """Start a run unless one of the target was started under this key; return that one then, however it ended.

        The target's runs are looked through first, and again where the answer to a start is lost. Two calls at the same
        moment may both start one, and so may a retry that comes sooner than a killed attempt's run is in Apify's list:
        give the task a ``retry_delay`` of half a minute. See :meth:`start_run` for what is not named here.

        :param key: text of your own; it is sent as a hash. For a retry of a task to find the run of the attempt before,
            make it of what both have in common: ``f"{ti.dag_id} {ti.run_id} {ti.task_id} {ti.map_index}"``. With
            ``{ti.max_tries}`` in it, which a clear raises, a cleared task starts anew.
        :param since: with a time zone, for example ``dag_run.start_date``; runs that were started earlier count only
            while they go on.
        :param may_exist: ``False`` where nobody can have called this with the key before: it saves the look for it.
        :raises ApifyConnectionError: Apify did not answer for so long that it stays unknown whether there is a run; the
            next call with this key finds it.
        """
        return self._drive(self._once(key, Target.of(target), run_input, since, options, may_exist=may_exist))

    async def async_start_run_once(
        self,
        key: str,
        target: Target | str,
        run_input: Any = None,
        *,
        since: datetime,
        may_exist: bool = True,
        options: RunOptions | Mapping[str, Any] | None = None,
    ) -> ActorRun:
        """Do what :meth:`start_run_once` does, on the event loop."""
        await self._async_connection()
        return await self._drive_async(
            self._once(key, Target.of(target), run_input, since, options, may_exist=may_exist)
        )

    def _once(
        self,
        key: str,
        target: Target,
        run_input: Any,
        since: datetime,
        options: RunOptions | Mapping[str, Any] | None,
        *,
        may_exist: bool,
    ) -> Flow[ActorRun]:
        request = self._start_request(target, run_input, RunOptions.of(options))
        identity = Identity.of_key(key, installation=self._connection.installation)
        finder = Finder(target, identity, self.retry)
        trace = Trace(may_have_started=may_exist, since=since.timestamp(), is_quiet=True)
        settle, terms = self._connection.start_settle_seconds, Terms(accept=FINISHED_STATUSES)
        earlier = EarlierRuns(trace, finder, self.log.info, accept=terms.accept, settle=settle)
        found = decide((yield from earlier.find()), identity.rerun, terms).take
        if found is not None:
            self.log.info("An earlier call with this key started run %s: going on with it.", found.id)
            return found
        return (yield from Starter(request, finder, self.retry, self.log.info, settle=settle).start())

    def _start_request(
        self, target: Target, run_input: Any, options: RunOptions, *, is_watched: bool = False
    ) -> Request:
        """Return the request that starts a run, with this connection's limits applied; see :meth:`start_run`.

        :param is_watched: whether somebody aborts the run above the connection's limit on usage.
        """
        limited = self._connection.limits.apply(options, is_watched=is_watched)
        return endpoints.start_run(target, encode_input(run_input), limited)

    def get_run(self, run_id: str) -> ActorRun:
        """Return the run as it is now (https://docs.apify.com/api/v2/actor-run-get).

        :raises ApifyNotFoundError: no such run, or the token may not see it. It is asked for three times in 3.5
            seconds, because a run that has just started may be unknown to the server that answers.
        """
        return self._drive(reading.get_run(run_id, self.retry))

    def get_last_run(self, target: Target | str, *, status: str | None = None, origin: str | None = None) -> ActorRun:
        """Return the newest run of an Actor or task (https://docs.apify.com/api/v2/act-runs-last-get).

        :param target: as in :meth:`start_run`.
        :param status: only runs in this status, for example ``"SUCCEEDED"``.
        :param origin: only runs started this way, for example ``"SCHEDULER"`` or ``"API"``.
        :raises ApifyNotFoundError: there is no such run, or no such Actor or task.
        """
        return ActorRun.from_api(self._call(endpoints.last_run(Target.of(target), status=status, origin=origin)))

    def look_for_last_run(
        self, target: Target | str, *, status: str | None = None, origin: str | None = None
    ) -> ActorRun | None:
        """Do what :meth:`get_last_run` does, but return ``None`` where the target has no such run.

        :raises ApifyNotFoundError: there is no such Actor or task, or the token may not see it.
        """
        return self._drive(look_for_last_run(Target.of(target), self.retry, status=status, origin=origin))

    def iterate_runs(
        self,
        target: Target | str | None = None,
        *,
        status: str | Collection[str] = (),
        started_after: datetime | None = None,
        started_before: datetime | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Iterator[ActorRun]:
        """Yield the runs of an Actor, of a saved task, or of the whole account, page by page as they are needed.

        See https://docs.apify.com/api/v2/act-runs-get, https://docs.apify.com/api/v2/actor-task-runs-get and
        https://docs.apify.com/api/v2/actor-runs-get. Lists tell less of a run than :meth:`get_run`: ids, status, times
        and cost, but neither its message nor its options.

        :param target: as in :meth:`start_run`; ``None`` for the account.
        :param status: one status or several, for example ``("FAILED", "TIMED-OUT")``.
        :param started_after: with a time zone, inclusive; ``started_before`` as well.
        :param desc: newest first.
        :param limit: how many runs at most.
        """
        chosen = None if target is None else Target.of(target)
        most = read_limit(limit)
        statuses = (status,) if isinstance(status, str) else tuple(status)

        def page(offset: int) -> list[dict[str, Any]]:
            request = endpoints.list_runs(
                chosen,
                status=statuses,
                started_after=started_after,
                started_before=started_before,
                desc=desc,
                offset=offset,
                limit=min(most or MAX_PAGE, MAX_PAGE),
            )
            items: list[dict[str, Any]] = self._call(request)["items"]
            return items

        runs = map(ActorRun.from_api, by_offset(page))
        return islice(_within(runs, started_after, started_before, desc=desc), most)

    def wait_for_run(
        self,
        run_id: str,
        *,
        deadline: float | None = None,
        poll_interval: float | None = None,
        settle: float = 0.0,
        cost_limit: float | None = None,
        on_update: Callable[[ActorRun], None] = lambda _run: None,
        on_log_line: Callable[[str], object] | None = None,
        guard: AbstractContextManager[object] | None = None,
    ) -> RunEvent:
        """Block until the run is finished, the deadline has passed, or the run has become too expensive.

        :param deadline: Unix time; ``None`` waits for ever.
        :param poll_interval: seconds between plain requests; ``None`` long-polls, which learns of the end at once.
        :param settle: seconds after the end at which the run is read once more, for its final cost.
        :param cost_limit: US dollars of platform usage, looked at about every 10 seconds.
        :param on_update: called with the run about every 10 seconds.
        :param on_log_line: called with each line of the run's log then; :meth:`follow_log` hands them on at once.
        :param guard: entered for each pause and each request; what it raises ends the wait.
        """
        waiting = Waiting(
            deadline=deadline,
            long_poll=_WORKER_LONG_POLL_SECONDS,
            poll_interval=poll_interval,
            settle=settle,
            cost_limit=cost_limit,
        )
        log = LogShower(on_log_line) if on_log_line else None
        return self._drive(wait_for_run(run_id, self.retry, waiting, on_update=on_update, log=log), guard=guard)

    async def async_get_last_run(
        self,
        target: Target,
        *,
        status: str | None = None,
        origin: str | None = None,
    ) -> ActorRun:
        """Do what :meth:`get_last_run` does, on the event loop."""
        request = endpoints.last_run(target, status=status, origin=origin)
        return ActorRun.from_api(await self._drive_async(flows.call_data(request, self.retry.patient())))

    async def async_look_for_last_run(
        self, target: Target, *, status: str | None = None, origin: str | None = None
    ) -> ActorRun | None:
        """Do what :meth:`look_for_last_run` does, on the event loop."""
        flow = look_for_last_run(target, self.retry.patient(), status=status, origin=origin)
        return await self._drive_async(flow)

    def look_for_run_of_a_time(
        self,
        target: Target | str,
        *,
        status: str | None = None,
        origin: str | None = None,
        started_after: datetime | None = None,
        started_before: datetime | None = None,
    ) -> ActorRun | None:
        """Return the first run that started since a time; ``None`` where there is none yet.

        See https://docs.apify.com/api/v2/act-runs-get and https://docs.apify.com/api/v2/actor-task-runs-get.

        :param target: as in :meth:`start_run`.
        :param status: only runs in this status.
        :param origin: only runs started this way, for example ``"SCHEDULER"``.
        :param started_after: with a time zone, inclusive; without it, the newest run is returned.
        :param started_before: with a time zone, exclusive.
        :return: the run as lists tell of it: without its message and options.
        :raises ValueError: a time has no time zone.
        :raises ApifyNotFoundError: there is no such Actor or task, or the token may not see it.
        """
        return self._drive(
            look_for_run_of_a_time(
                Target.of(target),
                self.retry,
                status=status,
                origin=origin,
                started_after=started_after,
                started_before=started_before,
            )
        )

    async def async_look_for_run_of_a_time(
        self,
        target: Target,
        *,
        status: str | None = None,
        origin: str | None = None,
        started_after: datetime | None = None,
        started_before: datetime | None = None,
    ) -> ActorRun | None:
        """Do what :meth:`look_for_run_of_a_time` does, on the event loop."""
        return await self._drive_async(
            look_for_run_of_a_time(
                target,
                self.retry.patient(),
                status=status,
                origin=origin,
                started_after=started_after,
                started_before=started_before,
            )
        )

    async def _async_look_for_ends(self, going: Collection[str], until: datetime | None) -> Look:
        """Look which runs of the account have ended, as :func:`look_for_ends` does."""
        return await self._drive_async(look_for_ends(going, until, self.retry))

    async def _async_identify(self, target: Target) -> Target:
        """Return an Actor or a saved task by its ID."""
        return await self._drive_async(identify(target, self.retry))

    async def _async_name_of(self, target: Target) -> str | None:
        """Return ``username~name`` of an Actor or a saved task, where Apify says it."""
        return await self._drive_async(name_of(target, self.retry))

    async def async_wait_for_run(
        self,
        run_id: str,
        *,
        deadline: float | None = None,
        poll_interval: float | None = None,
        settle: float = 0.0,
        cost_limit: float | None = None,
        first_delay: float = 0.0,
        on_update: Callable[[ActorRun], None] = lambda _run: None,
        on_log_line: Callable[[str], object] | None = None,
        log_since: float | None = None,
    ) -> RunEvent:
        """Do what :meth:`wait_for_run` does, on the event loop, where each request waits up to a minute.

        More than a thousand that wait for runs of the same account on one event loop share one poll of its list of
        runs: an end is seen some seconds later then, and ``on_update`` is called seldom.

        :param first_delay: seconds before the first request, to spread waiters that arrive together.
        :param on_log_line: called with each line of the run's log; each request waits up to half a minute then.
        :param log_since: Unix time; lines of before are left out.
        """
        log = LogShower(on_log_line, since=log_since) if on_log_line else None
        waiting = Waiting(
            deadline=deadline,
            long_poll=MAX_WAIT_SECONDS if log is None else _FOLLOWING_LONG_POLL_SECONDS,
            poll_interval=poll_interval,
            first_delay=first_delay,
            settle=settle,
            cost_limit=cost_limit,
        )
        return await self._drive_waiting(wait_for_run(run_id, self.retry, waiting, on_update=on_update, log=log))


def _within(
    runs: Iterator[ActorRun], after: datetime | None, before: datetime | None, *, desc: bool
) -> Iterator[ActorRun]:
    """Keep the runs of a time, which Apify itself does not for tasks; stop where no other can follow."""
    for run in runs:
        is_early = after is not None and run.started_at is not None and run.started_at < after
        is_late = before is not None and run.started_at is not None and run.started_at > before
        if is_early if desc else is_late:
            return
        if not is_early and not is_late:
            yield run
