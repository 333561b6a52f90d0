"""The two drivers of flows: blocking, and on an event loop. They pause before requests, and send several at a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from airflow_provider_apify._api.answers import Answer, NoResponse
from airflow_provider_apify.exceptions import ApifyRequestTooLate

if TYPE_CHECKING:
    from airflow_provider_apify._api.flows import Flow
    from airflow_provider_apify._api.request import Request

T = TypeVar("T")


def drive(
    flow: Flow[T],
    send: Callable[[Request], Answer],
    pause: Callable[[float], object] = time.sleep,
    guard: AbstractContextManager[object] = nullcontext(),  # noqa: B008 - holds nothing
) -> T:
    """Run a flow to its end, blocking.

    :param pause: waits so many seconds before a request is sent; what it raises ends the flow.
    :param guard: entered for each pause and each request, and for nothing else.
    """
    try:
        request = next(flow)
        while True:
            with guard:
                pause(request.delay)
            with guard:
                answer = _too_late(request) or _send_together(request, send)
            request = flow.send(answer)
    except StopIteration as done:
        result: T = done.value
        return result


def _too_late(request: Request) -> NoResponse | None:
    """Return what is the answer to a request that was not sent in time; ``None`` where it is in time.

    The clock goes on while a machine sleeps, or its process is stopped.
    """
    if request.not_after is None or time.time() <= request.not_after:
        return None
    return NoResponse(
        "not sent, because the last look at what other attempts do was too long ago",
        sent=False,
        kind=ApifyRequestTooLate,
    )


def _send_together(request: Request, send: Callable[[Request], Answer]) -> Answer:
    """Send a request, and at the same time those beside it."""
    if not request.beside:
        return send(request)
    pool = ThreadPoolExecutor(1 + len(request.beside))
    try:
        answer, *others = pool.map(send, (request, *request.beside))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)  # what interrupts this must not wait for answers
    return replace(answer, beside=tuple(others))


async def drive_async(flow: Flow[T], send: Callable[[Request], Awaitable[Answer]]) -> T:
    """Run a flow to its end on the event loop."""
    try:
        request = next(flow)
        while True:
            await asyncio.sleep(request.delay)
            if too_late := _too_late(request):
                request = flow.send(too_late)
                continue
            request = flow.send(await _send_beside(request, send) if request.beside else await send(request))
    except StopIteration as done:
        result: T = done.value
        return result


async def _send_beside(request: Request, send: Callable[[Request], Awaitable[Answer]]) -> Answer:
    answer, *others = await asyncio.gather(*map(send, (request, *request.beside)))
    return replace(answer, beside=tuple(others))
