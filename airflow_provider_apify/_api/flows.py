"""Retries, errors and waiting, written once for both transports. No I/O.

A flow yields each :class:`Request` to send, is sent back the :class:`Answer`, and returns its result.
The drivers in ``transports`` are the only code that knows how to send and how to sleep.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import replace
from typing import Any, TypeVar

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
from airflow_provider_apify._api.request import Request
from airflow_provider_apify.exceptions import (
    ApifyNotFoundError,
    ApifyRequestTooLate,
)
from airflow_provider_apify.options import RetryPolicy

T = TypeVar("T")
Flow = Generator[Request, Answer, T]

# The pauses before looks that outlast the lag of the API's replicas.
REPLICA_PAUSES = (0.0, 1.0, 2.5)
# The pauses before looks for what may still be under way, as shares of the time for which it may be.
LOOKS = (1 / 30, 2 / 30, 4 / 30, 8 / 30, 15 / 30)
SOON_SECONDS = 30.0
"""How long after the last look something is sent that must not be done twice: Airflow gives a worker up that is silent
for longer, and another attempt may have done it then."""


def pause_before_retry(retry: RetryPolicy, request: Request, answer: Answer, attempt: int) -> float | None:
    """Return the seconds before the next attempt, or ``None`` to give up.

    :param attempt: how many there were.
    """
    most = retry.attempts
    if retry.attempts_with_others is not None and is_of_another(answer):
        most = retry.attempts_with_others
    if attempt >= most or not _worth_retrying(request, answer):
        return None
    if isinstance(answer, Response) and answer.retry_after is not None:
        return min(answer.retry_after, retry.max_delay)
    # The exponent is bounded, so that a patient policy does not overflow.
    return min(retry.first_delay * 2.0 ** min(attempt - 1, 16) * random.uniform(1, 2), retry.max_delay)


def _worth_retrying(request: Request, answer: Answer) -> bool:
    if isinstance(answer, NoResponse):
        if answer.withheld is not None:
            return False
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


def troubles(request: Request) -> Iterator[str]:
    """Yield a sentence for the log about each request that is sent again: the cause, and the pause before it."""
    for each in (request, *request.beside):
        if each.trouble:
            yield f"{each.trouble} Asking again in {each.delay:.1f} s."


def call_known(request: Request, send: Callable[[Request], Flow[T]]) -> Flow[T]:
    """Ask for something that was seen before, though a replica may not know it yet.

    :param send: a flow that sends what it is given.
    :raises ApifyNotFoundError: no replica knows it; it was deleted meanwhile, or never was.
    """
    for pause in (request.delay, *REPLICA_PAUSES[1:]):
        try:
            return (yield from send(request.after(pause)))
        except ApifyNotFoundError as error:
            unknown = error
    raise unknown


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
        pause = pause_before_retry(patience, request, answer, attempt)
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
        delay = pause_before_retry(retry, request, answer, attempt)
        left = until - clock()
        if delay is None or left <= 0:
            raise error_of(request, answer)
        trouble = str(error_of(request, answer))
        request, attempt = replace((again or request).after(min(delay, left)), trouble=trouble), attempt + 1
