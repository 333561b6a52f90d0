"""One billed run for one task instance, whatever dies: the start as a state machine. No I/O.

Apify has no idempotency key for starts, but keeps the User-Agent of the request that started a run. So each start
carries a marker that every attempt of the task instance, on any machine, derives anew: what a lost answer, or a dead
worker, leaves in doubt is looked up among the target's runs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Literal

from airflow_provider_apify._api import endpoints
from airflow_provider_apify._api.answers import (
    Answer,
    NoResponse,
    Response,
    data_of,
    error_class,
    error_of,
    in_words,
    is_of_another,
)
from airflow_provider_apify._api.changing import LOOKS, Changer, ended_run
from airflow_provider_apify._api.endpoints import Request
from airflow_provider_apify._api.flows import Flow, RetryPolicy, call_known_run
from airflow_provider_apify._api.identity import Identity
from airflow_provider_apify._api.searching import Search
from airflow_provider_apify._fields import dollars
from airflow_provider_apify.exceptions import (
    ApifyCapacityError,
    ApifyRunAborted,
    ApifyRunFailedBefore,
    ApifyRunTooExpensive,
)
from airflow_provider_apify.models import SUCCEEDED, ActorRun
from airflow_provider_apify.options import RunOptions, Target

OnFailedRun = Literal["new", "resurrect", "fail"]

STARTS = 4
"""How often a run is started at most, where it stays unknown whether it was."""


def no_check() -> Flow[None]:
    """Ask nothing."""
    yield from ()


@dataclass(frozen=True)
class Order:
    """A run that a task instance wants.

    :param start: the request that starts it, without a marker.
    :param known: runs that earlier attempts have noted: the rerun of each by its ID.
    :param is_wanted: asked before each start; ``False`` once the task is killed.
    :param search: whether an earlier attempt may have started a run that is not among them.
    :param settled: whether a start of an earlier attempt can no longer be under way.
    :param since: Unix time before which no such run was started, by a clock that goes as this machine's does. A run
        from before it counts while it goes on, and not when it has ended: it was of a DAG run of the same name.
    :param capacity_until: Unix time until which a start that Apify has no capacity for is sent again.
    :param capacity_pause: seconds between two such starts.
    :param cost_limit: US dollars of platform usage; where a run of this rerun is above it, no other is started.
    :param accept: final statuses whose run needs no other.
    :param on_run: told the ID of a run of this attempt when it is known, though others may still be looked for.
    :param starter: who has started the runs that are found, for a report.
    :param check: what comes before a new run is started; whatever it raises, nothing was started.
    """

    target: Target
    start: Request
    identity: Identity
    known: Mapping[str, int] = field(default_factory=dict)
    is_wanted: Callable[[], bool] = lambda: True
    search: bool = True
    settled: bool = False
    since: float = 0.0
    capacity_until: float = 0.0
    capacity_pause: float = 20.0
    on_failed_run: OnFailedRun = "new"
    cost_limit: float | None = None
    accept: Collection[str] = (SUCCEEDED,)
    on_run: Callable[[str], None] = lambda _run_id: None
    starter: str = "An earlier attempt of this task"
    check: Callable[[], Flow[None]] = no_check


@dataclass(frozen=True)
class Decision:
    """What to do with the runs of earlier attempts.

    :param take: the run to go on with; ``None`` starts a new one.
    :param resurrect: whether ``take`` has to be brought back to life first.
    :param abort: runs that nobody wants any more.
    """

    take: ActorRun | None = None
    resurrect: bool = False
    abort: tuple[ActorRun, ...] = ()


def decide(runs: Iterable[ActorRun], order: Order) -> Decision:
    """Choose among the runs that this task instance has started so far, on whichever attempt or rerun.

    :raises ApifyRunFailedBefore: the last run failed, and ``on_failed_run`` is ``"fail"``.
    :raises ApifyRunTooExpensive: one has cost more than the limit, and another would have to be started.
    """
    oldest_first = sorted(runs, key=_age)
    going = [run for run in oldest_first if run.is_going]
    ours = [run for run in oldest_first if _is_ours(run, order)]
    wanted = _best(ours, order.accept)
    unwanted = tuple(run for run in going if wanted is None or run.id != wanted.id)
    if wanted is not None:
        return Decision(wanted, abort=unwanted)
    _check_expenses(ours, order)
    if not ours or order.on_failed_run == "new":
        return Decision(abort=unwanted)
    if order.on_failed_run == "fail":
        raise ApifyRunFailedBefore(
            f"Run {ours[-1].id} of an earlier attempt is {ours[-1].status} and is not paid for again, as "
            f'on_failed_run="fail" says ({ours[-1].console_url}).',
        )
    return Decision(ours[-1], resurrect=True, abort=unwanted)


def _check_expenses(ours: Iterable[ActorRun], order: Order) -> None:
    for run in ours:
        if order.cost_limit is not None and (run.usage_total_usd or 0) > order.cost_limit:
            raise ApifyRunTooExpensive(
                f"Run {run.id} of an earlier attempt has used {dollars(run.usage_total_usd)}, above the limit of "
                f"{order.cost_limit}: nothing is started again. Clear the task to spend more ({run.console_url}).",
            )


def _best(oldest_first: Iterable[ActorRun], accept: Collection[str]) -> ActorRun | None:
    """Return the run to go on with: a good one, else the oldest that is going."""
    runs = list(oldest_first)
    good = [run for run in reversed(runs) if run.status in accept]
    return next(iter([*good, *(run for run in runs if run.is_going)]), None)


def _age(run: ActorRun) -> str:
    """Return what sorts runs from the oldest to the newest: ISO 8601 in UTC sorts as text."""
    return str(run.raw["startedAt"])


def _is_ours(run: ActorRun, order: Order) -> bool:
    """Tell whether a run belongs to the rerun that the order is for."""
    identity = Identity.parse(run.user_agent)
    return order.known.get(run.id, identity and identity.rerun) == order.identity.rerun


def _is_of_another(run: ActorRun, target: Target) -> bool:
    """Tell whether a run is plainly of another Actor or task; names cannot be compared with the IDs in a run."""
    its_own = run.actor_id if target.kind == "actor" else run.actor_task_id
    return "/" not in target.id and "~" not in target.id and its_own != target.id and not run.metamorphs


class Starter:
    """Start or adopt the run of an order.

    :param report: takes a sentence about anything but the plain way, for the task's log.
    :param settle: seconds after which a start whose answer was lost and whose run is not to be seen was not done.
    :param clock: Unix time, for tests.
    """

    def __init__(
        self,
        order: Order,
        retry: RetryPolicy,
        report: Callable[[str], None],
        *,
        settle: float = 30.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        # What is asked for here decides about money: an outage must not cut it short.
        self._order, self._retry, self._patient = order, retry, retry.patient()
        self._report, self._settle, self._clock = report, settle, clock
        self._search = Search(order.target, order.identity.task, retry, clock)
        if order.known:
            self._search.be_patient()

    def run(self) -> Flow[ActorRun]:
        """Return the one run of the order: that of an earlier attempt, or a new one."""
        runs = yield from self._earlier_runs()
        for index, run in enumerate(runs):
            if run.is_ending:
                runs[index] = yield from ended_run(run.id, self._retry, self._clock)
        decision = decide(runs, self._order)
        yield from self._abort(decision.abort)
        if decision.take is None:
            if runs:
                earlier = ", ".join(f"{run.id} was {run.status}" for run in runs)
                self._report(f"No run of an earlier attempt can be used ({earlier}): starting a new one.")
            yield from self._order.check()
            return (yield from self._start())
        if decision.resurrect:
            return (yield from self._resurrect(decision.take))
        self._report(f"{self._order.starter} started run {decision.take.id}: going on with it.")
        if _is_of_another(decision.take, self._order.target):
            self._report(
                f"Warning: that run is not of {self._order.target}, which the task asks for by now. It is paid for, so "
                "it is used; clear the task to run the other.",
            )
        return decision.take

    def _earlier_runs(self) -> Flow[list[ActorRun]]:
        runs: list[ActorRun] = []
        is_missing = False
        for run_id in self._order.known:
            run = yield from self._search.read(run_id)
            if run is None:
                # Deleted, it is in no list either; where the API's replicas lag, it is there after a while.
                self._report(f"Run {run_id} of an earlier attempt is unknown to Apify: looking for it.")
                is_missing = True
            else:
                runs.append(run)
        if self._order.search or is_missing:
            is_sure = (self._order.settled and not is_missing) or any(map(self._is_last_start, runs))
            looks = (0.0,) if is_sure else (0.0, *LOOKS)
            if not is_sure:
                self._report("An earlier attempt may have started a run: looking for it.")
            found = yield from self._find_in_time(self._find_earlier, looks, self._is_last_start)
            noted = {run.id for run in runs}
            runs += [run for run in found if run.id not in noted]
        return runs

    def _is_last_start(self, run: ActorRun) -> bool:
        """Tell whether no earlier attempt can have started a run after this one: each looks for those before it."""
        identity = Identity.parse(run.user_agent)
        is_of_last_attempt = identity is not None and identity.attempt >= self._order.identity.attempt - 1
        is_good = run.is_going or run.status in self._order.accept
        return is_of_last_attempt or (is_good and _is_ours(run, self._order))

    def _abort(self, runs: Iterable[ActorRun]) -> Flow[None]:
        for run in runs:
            self._report(f"Run {run.id} of this task is {run.status}, but no longer wanted: aborting it.")
            yield from call_known_run(endpoints.abort_run(run.id), self._patient)

    def _start(self) -> Flow[ActorRun]:
        """Send the start; where it stays unknown whether it was done, look for its run before sending it again."""
        request = replace(self._order.start, user_agent=self._order.identity.marker)
        began = self._clock()
        for doubts in range(STARTS):
            if doubts:
                self._report("The run was not started: starting it again.")
            answer = yield from self._send(request)
            data = data_of(answer) if isinstance(answer, Response) and answer.is_success else None
            if data is not None:
                run = ActorRun.from_api(data)
                return (yield from self._only(run, began)) if doubts else run
            self._report(f"It is unknown whether the run was started ({in_words(answer)}): looking for it.")
            found = yield from self._look_for(answer, began)
            if found is not None:
                self._report(f"The run was started: going on with run {found.id}.")
                return found
        raise error_of(request, answer)

    def _only(self, run: ActorRun, began: float) -> Flow[ActorRun]:
        """Keep one of the runs of this order, where a start that was given up for lost came late."""
        self._order.on_run(run.id)
        same = {found.id: found for found in (yield from self._find_mine(began))}
        oldest_first = sorted((same | {run.id: run}).values(), key=_age)
        kept = _best(oldest_first, self._order.accept) or oldest_first[0]
        self._order.on_run(kept.id)
        yield from self._abort(other for other in oldest_first if other.is_going and other.id != kept.id)
        return kept

    def abandon(self, since: float, *, is_patient: bool) -> Flow[list[ActorRun]]:
        """Abort what this attempt has started, though nobody has been told its ID; return it.

        :param since: Unix time, by this machine, when the start was sent.
        :param is_patient: whether there is time to wait for what is still under way.
        """
        self._search.be_patient()
        looks = (0.0, *LOOKS) if is_patient else (0.0,)
        found = yield from self._find_in_time(partial(self._find_mine, since), looks, _is_any)
        mine = [run for run in found if not run.is_finished]
        yield from self._abort(mine)
        return mine

    def _send(self, request: Request) -> Flow[Answer]:
        """Send a start until it is done, or may have been; raise what says that it was refused."""
        attempt = 1
        while True:
            if not self._order.is_wanted():
                raise ApifyRunAborted("The task was killed before its run was started; nothing was started.")
            answer = yield request
            if isinstance(answer, Response) and self._may_have_started(answer):
                return answer
            if isinstance(answer, Response) and self._may_wait_for_capacity(answer):
                request = replace(request, delay=self._order.capacity_pause)
                continue
            delay = self._retry.delay(request, answer, attempt)
            if delay is None:
                if isinstance(answer, NoResponse) and answer.sent:
                    return answer
                raise error_of(request, answer)
            request, attempt = replace(request, delay=delay), attempt + 1

    def _may_have_started(self, answer: Response) -> bool:
        return answer.is_success or answer.is_passing_fault

    def _may_wait_for_capacity(self, answer: Response) -> bool:
        waits = error_class(answer) is ApifyCapacityError and self._clock() < self._order.capacity_until
        if waits:
            self._report(f"Nothing was started: {answer.error.get('message')} Waiting for capacity.")
        return waits

    def _look_for(self, answer: Answer, began: float) -> Flow[ActorRun | None]:
        """Look for the run of a start whose answer was lost, or is of something that is not Apify."""
        if not is_of_another(answer):
            self._search.be_patient()
        mine = yield from self._find_in_time(partial(self._find_mine, began), LOOKS, _is_any)
        return (yield from self._only(mine[0], began)) if mine else None

    def _find_in_time(
        self, find: Callable[..., Flow[list[ActorRun]]], looks: Iterable[float], is_enough: Callable[[ActorRun], bool]
    ) -> Flow[list[ActorRun]]:
        """Find runs that may still be on their way to the list: look until one of them is enough."""
        found: list[ActorRun] = []
        for share in looks:
            found = yield from find(delay=share * self._settle)
            if any(map(is_enough, found)):
                break
        return found

    def _resurrect(self, run: ActorRun) -> Flow[ActorRun]:
        """Bring a finished run back to life, once: where the answer is lost, the run itself tells."""
        self._report(f"Run {run.id} of an earlier attempt is {run.status}: resurrecting it.")
        changer = Changer(self._retry, self._report, settle=self._settle)
        return (yield from changer.revive(run, RunOptions()))

    def _find_earlier(self, *, delay: float) -> Flow[list[ActorRun]]:
        """Return the runs of all attempts and reruns: those of this one's time, and those that go on from before it."""
        started = yield from self._search.started(self._order.since, delay=delay)
        unfinished = yield from self._search.unfinished()
        return list({run.id: run for run in (*started, *unfinished)}.values())

    def _find_mine(self, began: float, *, delay: float = 0.0) -> Flow[list[ActorRun]]:
        """Return the runs that this attempt has started; one of the same name may have existed before it."""
        found = yield from self._search.started(began, delay=delay)
        return [run for run in found if Identity.parse(run.user_agent) == self._order.identity]


def _is_any(_run: ActorRun) -> bool:
    return True
