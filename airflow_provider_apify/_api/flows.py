"""Retries, errors and waiting, written once for both transports. No I/O.

A flow yields each :class:`Request` to send, is sent back the :class:`Answer`, and returns its result.
The drivers in ``transports`` are the only code that knows how to send and how to sleep.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from airflow_provider_apify._api import endpoints
from airflow_provider_apify._api.answers import (
    Answer,
    NoResponse,
    Response,
    data_of,
    error_of,
    is_apifys,
    is_of_another,
    not_apify,
)
from airflow_provider_apify._api.endpoints import Request
from airflow_provider_apify.exceptions import (
    ApifyConnectionError,
    ApifyNotFoundError,
    ApifyRateLimitError,
    ApifyRequestTooLate,
    ApifyServerError,
)
from airflow_provider_apify.models import ActorRun, RunEvent

T = TypeVar("T")
Flow = Generator[Request, Answer, T]

# A run that has just started may be unknown to the replica that answers: measured up to 3 seconds.
_REPLICA_LAG_SECONDS = 3.0
# The pauses before looks that outlast such a lag.
REPLICA_PAUSES = (0.0, 1.0, 2.5)
# An unfinished run answered sooner than this was not waited for (a proxy, a capped wait): do not hammer.
_SHORTEST_WAIT_SECONDS = 1.0
_PAUSE_SECONDS = 5.0
_SHORTEST_PAUSE_SECONDS = 0.1


@dataclass(frozen=True)
class RetryPolicy:
    """How often to try, and how long to wait in between: a random time in [D, 2D], D doubling from ``first_delay``.

    :param attempts: how often a request is sent at most.
    :param first_delay: seconds.
    :param max_delay: seconds between two attempts at most.
    :param attempts_with_others: how often where something answers that is not Apify; ``None`` as often as otherwise.
    :param patient_attempts: how often, at least, where money is at stake; about half an hour.
    """

    attempts: int = 6
    first_delay: float = 0.5
    max_delay: float = 60.0
    attempts_with_others: int | None = None
    patient_attempts: int = 40

    def delay(self, request: Request, answer: Answer, attempt: int) -> float | None:
        """Return the seconds before the next attempt, or ``None`` to give up."""
        most = self.attempts
        if self.attempts_with_others is not None and is_of_another(answer):
            most = self.attempts_with_others
        if attempt >= most or not _worth_retrying(request, answer):
            return None
        if isinstance(answer, Response) and answer.retry_after is not None:
            return min(answer.retry_after, self.max_delay)
        # The exponent is bounded, so that a patient policy does not overflow.
        return min(self.first_delay * 2.0 ** min(attempt - 1, 16) * random.uniform(1, 2), self.max_delay)

    def patient(self) -> RetryPolicy:
        """Return the policy for waiting and downloads: an outage of half an hour must not lose what goes on."""
        return replace(self, attempts=max(self.attempts, self.patient_attempts), attempts_with_others=None)

    def patient_with_apify(self) -> RetryPolicy:
        """Return the policy for waiting where nothing tells yet that this is Apify's host: a wrong one stays wrong."""
        return replace(self.patient(), attempts_with_others=self.attempts)


def _worth_retrying(request: Request, answer: Answer) -> bool:
    if isinstance(answer, NoResponse):
        return (request.retry_safe or not answer.sent) and not issubclass(answer.kind, ApifyRequestTooLate)
    if answer.is_rate_limited:
        return True  # refused before it did anything, so even starting a run is safe to repeat
    return request.retry_safe and answer.is_passing_fault


def call(request: Request, retry: RetryPolicy) -> Flow[Response]:
    """Send one request until it succeeds or is hopeless; only an answer of Apify's own is a success."""
    return (yield from call_reading(request, retry, lambda answer: answer if is_apifys(request, answer) else None))


def call_data(
    request: Request,
    retry: RetryPolicy,
    *,
    again: Request | None = None,
    until: float = math.inf,
    clock: Callable[[], float] = time.time,
) -> Flow[dict[str, Any]]:
    """Do what :func:`call` does and return the ``data`` object of the JSON answer.

    :param again: what to send instead from the second attempt on.
    :param until: Unix time at which the last attempt is made, where none succeeded before.
    :param clock: Unix time, for tests.
    """
    return (yield from call_reading(request, retry, data_of, again=again, until=until, clock=clock))


def together(flows: Iterable[Flow[T]]) -> Flow[list[T]]:
    """Go through several flows at the same time, and return their results in order.

    Each step of one is a step of all, so that a pause of one, as after a 429, is a pause of all.
    """
    results: dict[int, T] = {}
    waiting: dict[int, tuple[Flow[T], Request]] = {}

    def advance(index: int, flow: Flow[T], answer: Answer | None) -> None:
        try:
            waiting[index] = flow, next(flow) if answer is None else flow.send(answer)
        except StopIteration as done:
            waiting.pop(index, None)
            results[index] = done.value

    for index, flow in enumerate(flows):
        advance(index, flow, None)
    while waiting:
        steps = [(index, flow) for index, (flow, _) in waiting.items()]
        first, *others = (request for _, request in waiting.values())
        answer = yield replace(first, delay=max(each.delay for each in (first, *others)), beside=tuple(others))
        for (index, flow), each in zip(steps, (replace(answer, beside=()), *answer.beside), strict=True):
            advance(index, flow, each)
    return [results[index] for index in sorted(results)]


def call_known(request: Request, send: Callable[[Request], Flow[T]]) -> Flow[T]:
    """Ask for something that was seen before, though a replica may not know it yet.

    :param send: a flow that sends what it is given.
    :raises ApifyNotFoundError: no replica knows it; it was deleted meanwhile, or never was.
    """
    for pause in (request.delay, *REPLICA_PAUSES[1:]):
        try:
            return (yield from send(replace(request, delay=pause)))
        except ApifyNotFoundError as error:
            unknown = error
    raise unknown


def call_known_run(request: Request, retry: RetryPolicy) -> Flow[ActorRun]:
    """Do what :func:`call_known` does with a run, and return it."""
    return ActorRun.from_api((yield from call_known(request, lambda asked: call_data(asked, retry))))


def call_resuming(
    next_request: Callable[[], Request | None],
    progress: Callable[[], int],
    retry: RetryPolicy,
    report: Callable[[str], object],
) -> Flow[None]:
    """Send requests until one is read to its end. Each brings what it can: only tries in a row without progress count.

    An outage of half an hour must not end a long download. What arrives and is wrong is asked for as often as anything
    else, until something good has come: a proxy that spoils all answers stays as it is.

    :param next_request: asks for what is still missing; ``None`` where that is nothing, as when only the end of the
        last answer did not come.
    :param progress: a number that grows with what has been read.
    :param report: takes a sentence about each answer that broke, for the task's log.
    """
    attempt, began, before, delay = 1, progress(), progress(), 0.0
    while request := next_request():
        answer = yield replace(request, delay=request.delay + delay)
        if isinstance(answer, Response) and answer.is_success:
            return
        if progress() > before:
            attempt, before = 1, progress()
        patience = retry.patient() if before > began else retry.patient_with_apify()
        pause = patience.delay(request, answer, attempt)
        if pause is None:
            raise error_of(request, answer)
        report(f"{error_of(request, answer)} Asking again in {pause:.1f} s for what is missing.")
        attempt, delay = attempt + 1, pause


def call_reading(
    request: Request,
    retry: RetryPolicy,
    read: Callable[[Response], T | None],
    *,
    again: Request | None = None,
    until: float = math.inf,
    clock: Callable[[], float] = time.time,
) -> Flow[T]:
    """Do what :func:`call_data` does with another way to read a good answer: ``None`` where it is none of Apify's."""
    attempt = 1
    while True:
        answer = yield request
        if isinstance(answer, Response) and answer.is_success:
            result = read(answer)
            if result is not None:
                return result
            answer = not_apify(request, answer)
        delay = retry.delay(request, answer, attempt)
        left = until - clock()
        if delay is None or left <= 0:
            raise error_of(request, answer)
        request, attempt = replace(again or request, delay=min(delay, left)), attempt + 1


def get_run(run_id: str, retry: RetryPolicy, *, delay: float = 0.0) -> Flow[ActorRun]:
    """Read a run, after ``delay`` seconds; one that has just started may be unknown to the server that answers."""
    return (yield from call_known_run(replace(endpoints.get_run(run_id), delay=delay), retry))


@dataclass(frozen=True)
class Waiting:
    """How to wait for a run.

    :param deadline: Unix time after which to stop waiting; ``None`` waits for ever.
    :param long_poll: seconds (1 to 60) that each request lets the server wait for the end.
    :param poll_interval: seconds between plain requests; ``None`` long-polls instead.
    :param first_delay: seconds before the first request, to spread waiters that arrive together.
    :param settle: seconds after the run's end at which it is read once more, because costs and counts lag.
    :param cost_limit: US dollars of platform usage above which to stop waiting; ``None`` for no limit.
    """

    deadline: float | None = None
    long_poll: int = endpoints.MAX_WAIT_SECONDS
    poll_interval: float | None = None
    first_delay: float = 0.0
    settle: float = 0.0
    cost_limit: float | None = None


def wait_for_run(
    run_id: str,
    retry: RetryPolicy,
    waiting: Waiting,
    *,
    on_update: Callable[[ActorRun], None] = lambda _run: None,
    clock: Callable[[], float] = time.time,
) -> Flow[RunEvent]:
    """Wait until the run is finished, the deadline has passed, or the run has become too expensive.

    :param on_update: called with the run as it is after each answer.
    :param clock: Unix time, for tests.
    """
    watch = _Watch(run_id, retry.patient(), waiting, clock)
    while True:
        run = yield from watch.look()
        if run is None:
            continue
        on_update(run)
        if run.is_finished:
            run = yield from watch.settled(run)  # where it may turn out to be resurrected
        if run.is_finished:
            return RunEvent(run)
        if waiting.cost_limit is not None and (run.usage_total_usd or 0) > waiting.cost_limit:
            return RunEvent(run, cost_limit_passed=True)
        if watch.is_over:
            return RunEvent(run, deadline_passed=True)


class _Watch:
    """The state of one wait: when it began, how long to pause, what was last seen."""

    def __init__(self, run_id: str, retry: RetryPolicy, waiting: Waiting, clock: Callable[[], float]) -> None:
        self._run_id, self._retry, self._waiting, self._clock = run_id, retry, waiting, clock
        self._grace_ends = clock() + waiting.first_delay + _REPLICA_LAG_SECONDS
        self._until = math.inf if waiting.deadline is None else waiting.deadline
        self._delay = waiting.first_delay
        self._last: ActorRun | None = None

    @property
    def is_over(self) -> bool:
        """Whether the deadline has passed."""
        return self._clock() >= self._until

    def look(self) -> Flow[ActorRun | None]:
        """Ask once, after the pause that is due; ``None`` where the run is too young to be known everywhere."""
        asked = self._clock() + self._delay
        request = replace(endpoints.get_run(self._run_id, wait=self._server_wait(asked)), delay=self._delay)
        try:
            # Repeated without the long wait: proxies cut idle connections, and the deadline may be near by then.
            plain = endpoints.get_run(self._run_id)
            data = yield from call_data(request, self._retry, again=plain, until=self._until, clock=self._clock)
        except ApifyNotFoundError as error:
            if self._clock() > self._grace_ends:
                if error.is_certain:
                    raise
                # Who says so does not know of runs: the run goes on for all that is known.
                raise ApifyConnectionError(f"Whether run {self._run_id} goes on is unknown: {error}") from error
            self._delay = _SHORTEST_WAIT_SECONDS
            return None
        except (ApifyConnectionError, ApifyServerError, ApifyRateLimitError):
            if self._last is None or not self.is_over:
                raise
            return self._last  # the deadline passed while Apify did not answer
        self._delay = self._pause(elapsed=self._clock() - asked)
        self._last = ActorRun.from_api(data)
        return self._last

    def settled(self, run: ActorRun) -> Flow[ActorRun]:
        """Read a finished run again when its costs and counts are final."""
        settle = self._waiting.settle
        if settle <= 0:
            return run
        age = self._clock() - run.finished_at.timestamp() if run.finished_at else 0.0
        # Apify's clock may differ from ours: never wait longer than ``settle``.
        return (yield from get_run(run.id, self._retry, delay=min(settle, max(0.0, settle - age))))

    def _server_wait(self, now: float) -> int:
        if self._waiting.poll_interval is not None:
            return 0
        return max(1, int(min(self._waiting.long_poll, self._until - now)))

    def _pause(self, *, elapsed: float) -> float:
        """Return the seconds before the next request: none after a long-poll that was really waited for."""
        pause = self._waiting.poll_interval
        if pause is not None:
            pause = max(pause, _SHORTEST_PAUSE_SECONDS)
        else:
            pause = 0.0 if elapsed >= _SHORTEST_WAIT_SECONDS else _PAUSE_SECONDS
        return max(0.0, min(pause, self._until - self._clock()))
