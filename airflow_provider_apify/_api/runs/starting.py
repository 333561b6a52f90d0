"""Start a run once, though answers are lost. No I/O.

Apify has no idempotency key for starts, but keeps the User-Agent of the request that started a run. So each start
carries a marker that every attempt of the task instance, on any machine, derives anew: what a lost answer leaves in
doubt is looked up among the target's runs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace

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
from airflow_provider_apify._api.flows import LOOKS, SOON_SECONDS, Flow, pause_before_retry
from airflow_provider_apify._api.request import Request
from airflow_provider_apify._api.runs import endpoints
from airflow_provider_apify._api.runs.choosing import age, best
from airflow_provider_apify._api.runs.finding import Finder
from airflow_provider_apify._api.runs.reading import call_known_run
from airflow_provider_apify.exceptions import ApifyCapacityError, ApifyRequestTooLate, ApifyTaskStopped
from airflow_provider_apify.models.runs import SUCCEEDED, ActorRun
from airflow_provider_apify.options import RetryPolicy

STARTS = 4
"""How often a run is started at most, where it stays unknown whether it was."""
HURRIED_PAUSES: tuple[float, ...] = (0.0, 0.5, 1.0, 2.0)
"""Seconds before each look of a task that was told to stop, for the run that it was just starting: it has five."""


@dataclass(frozen=True)
class Capacity:
    """How to wait where Apify has no room for another run.

    :param until: Unix time until which the start is sent again.
    :param pause: seconds between two starts.
    """

    until: float = 0.0
    pause: float = 20.0


class Starter:
    """Send one marked start; where its answer is lost, look for its run.

    :param request: the start, without a marker.
    :param finder: of the runs of the task instance whose start it is.
    :param report: takes a sentence about anything but the plain way, for the task's log.
    :param settle: seconds after which a start whose answer was lost and whose run is not to be seen was not done.
    :param accept: final statuses of a good run.
    :param clock: Unix time, for tests.
    :ivar run_id: of the run that was started, as soon as it is known, though others may still be looked for.
    :ivar in_doubt_since: Unix time when it was sent, where it is unknown whether it was done.
    """

    def __init__(
        self,
        request: Request,
        finder: Finder,
        retry: RetryPolicy,
        report: Callable[[str], object],
        *,
        settle: float = 30.0,
        accept: Collection[str] = (SUCCEEDED,),
        capacity: Capacity = Capacity(),  # noqa: B008 - frozen
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._request = replace(request, user_agent=finder.identity.marker)
        self._finder, self._retry, self._report = finder, retry, report
        self._settle, self._accept, self._capacity, self._clock = settle, accept, capacity, clock
        self.run_id: str | None = None
        self.in_doubt_since: float | None = None

    def start(self) -> Flow[ActorRun]:
        """Return the run, started by this request or found after it.

        :raises ApifyApiError: Apify has refused the start; nothing was started.
        :raises ApifyRequestTooLate: what earlier and later attempts have started may be out of date, so nothing was.
        :raises ApifyConnectionError: it stays unknown whether there is a run; the next attempt finds it.
        """
        for doubts in range(STARTS):
            if doubts:
                self._report("The run was not started: starting it again.")
            answer = yield from self._send()
            data = data_of(answer) if isinstance(answer, Response) and answer.is_success else None
            if data is not None:
                run = ActorRun.from_api(data)
                self.run_id = run.id
                if doubts:
                    return (yield from self._only(run))
                self.in_doubt_since = None
                return run
            self._report(f"It is unknown whether the run was started ({in_words(answer)}): looking for it.")
            found = yield from self.look_for(answer, is_only=not doubts)
            if found is not None:
                self._report(f"The run was started: going on with run {found.id}.")
                return found
        raise error_of(self._request, answer)

    def look_for(self, answer: Answer, *, is_only: bool) -> Flow[ActorRun | None]:
        """Look for the run of a start whose answer was lost, or is of something that is not Apify.

        :param is_only: whether no start was sent before that one, so that there can be no second run.
        """
        if not is_of_another(answer):
            self._finder.be_patient()
        for share in LOOKS:
            runs = yield from self._mine(delay=share * self._settle, is_only=is_only)
            if runs:
                self.run_id = runs[0].id
                return runs[0] if is_only else (yield from self._only(runs[0]))
        return None

    def _only(self, run: ActorRun) -> Flow[ActorRun]:
        """Keep one of the runs, where a start that was given up for lost came late."""
        same = {found.id: found for found in (yield from self._mine())}
        oldest_first = sorted((same | {run.id: run}).values(), key=age)
        kept = best(oldest_first, self._accept) or oldest_first[0]
        self.run_id = kept.id
        others = [other for other in oldest_first if other.is_going and other.id != kept.id]
        yield from abort_runs(others, self._retry, self._report)
        return kept

    def _mine(self, *, delay: float = 0.0, is_only: bool = False) -> Flow[list[ActorRun]]:
        """Return the runs that this start has made; one of the same name may have existed before it.

        :raises ApifyTaskStopped: a later attempt has a run of its own; these are aborted.
        """
        since = self.in_doubt_since or self._clock()
        found = yield from self._finder.started(
            since, near=since, is_enough=lambda run: is_only and self._finder.is_mine(run), delay=delay
        )
        mine = list(filter(self._finder.is_mine, found))
        if any(map(self._finder.is_later, found)):
            yield from abort_runs([run for run in mine if run.is_going], self._retry, self._report)
            raise ApifyTaskStopped("The next attempt of this task has started a run: it goes on with that one.")
        return mine

    def _send(self) -> Flow[Answer]:
        """Send the start until it is done, or may have been; raise what says that it was refused."""
        request, attempt, before = self._request, 1, self.in_doubt_since
        refusal: Answer | None = None
        while True:
            self.in_doubt_since = before or self._clock()
            asked, looked_at = time.time() + request.delay, self._finder.looked_at
            answer = yield replace(request, not_after=looked_at and looked_at + request.delay + SOON_SECONDS)
            if isinstance(answer, Response) and self._may_have_started(answer):
                return answer
            if isinstance(answer, NoResponse) and answer.sent:
                return answer
            self.in_doubt_since = before
            if refusal and isinstance(answer, NoResponse) and answer.kind is ApifyRequestTooLate:
                raise error_of(request, refusal)  # it may only have taken long, as where no address answers
            refusal = answer
            waits = isinstance(answer, Response) and self._may_wait_for_capacity(answer)
            delay = self._capacity.pause if waits else pause_before_retry(self._retry, request, answer, attempt)
            if delay is None:
                raise error_of(request, answer)
            if looked_at and time.time() - asked <= SOON_SECONDS:
                self._finder.looked_at = time.time()
            request, attempt = replace(request, delay=delay), attempt + (not waits)

    def _may_have_started(self, answer: Response) -> bool:
        return answer.is_success or answer.is_passing_fault

    def _may_wait_for_capacity(self, answer: Response) -> bool:
        waits = error_class(answer) is ApifyCapacityError and self._clock() < self._capacity.until
        if waits:
            self._report(f"Nothing was started: {answer.error.get('message')} Waiting for capacity.")
        return waits


def abort_runs(runs: Iterable[ActorRun], retry: RetryPolicy, report: Callable[[str], object]) -> Flow[None]:
    """Abort runs that nobody wants any more."""
    for run in runs:
        report(f"Run {run.id} of this task is {run.status}, but no longer wanted: aborting it.")
        yield from call_known_run(endpoints.abort_run(run.id), retry.patient())


def abort_whatever_goes_on(
    finder: Finder,
    since: float,
    retry: RetryPolicy,
    report: Callable[[str], object],
    *,
    near: float | None,
    pauses: Iterable[float],
) -> Flow[list[ActorRun]]:
    """Abort the run of a task instance that nobody wants any more, though nobody knows its ID; return it.

    That of a later attempt is left alone.

    :param since: Unix time before which it was not started.
    :param near: Unix time about which it was started, where that is known.
    :param pauses: seconds before each look for it.
    """

    def is_unwanted(run: ActorRun) -> bool:
        return run.is_going and not finder.is_later(run)

    for pause in pauses:
        found = yield from finder.started(since, near=near, is_enough=is_unwanted, delay=pause)
        going = list(filter(is_unwanted, found))
        if going:
            yield from abort_runs(going, retry, report)
            return going
    return []


def abort_lastingly(run_id: str, retry: RetryPolicy, *, pauses: Iterable[float]) -> Flow[ActorRun]:
    """Abort a run that a request on its way may bring back to life; return what it was last.

    :param pauses: seconds before each abort, at least one.
    """
    for pause in pauses:
        run = yield from call_known_run(replace(endpoints.abort_run(run_id), delay=pause), retry)
    return run


def later_has_started(finder: Finder, since: float) -> Flow[bool]:
    """Tell whether an attempt after this one has started a run of its own.

    :param since: Unix time when it was last known that none has.
    """
    found = yield from finder.started(since, is_enough=finder.is_later)
    return any(map(finder.is_later, found))
