"""What each fault does to an exchange."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from airflow_provider_apify.testing.clock import Clock
from airflow_provider_apify.testing.errors import ApiError
from airflow_provider_apify.testing.faults import Fault

GARBAGE = b"<html>\x00 This is not the API.\xff"
_THROTTLE_STEPS_PER_SECOND = 20


def sabotaged(app: ASGIApp, fault: Fault, clock: Clock) -> ASGIApp:
    """Return the application with a fault built in; faults that concern no bytes leave it as it is."""
    wrap = _WRAPPERS.get(fault.action)
    if wrap is None:
        return app

    async def faulty(scope: Scope, receive: Receive, send: Send) -> None:
        await wrap(fault, clock, app, scope, receive, send)

    return faulty


async def _answer(fault: Fault, _clock: Clock, _app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    error = ApiError(fault.status, fault.error_type, fault.message)
    await JSONResponse(error.to_body(), error.status, fault.headers)(scope, receive, send)


async def _answer_after(fault: Fault, clock: Clock, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    await app(scope, receive, _nowhere)
    await _answer(fault, clock, app, scope, receive, send)


async def _garbage(_fault: Fault, _clock: Clock, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    await app(scope, receive, _nowhere)
    await Response(GARBAGE, 200, media_type="application/json")(scope, receive, send)


async def _cut_before(_fault: Fault, _clock: Clock, _app: ASGIApp, scope: Scope, receive: Receive, _send: Send) -> None:
    _close_connection(scope)
    await _until_disconnected(receive)


async def _cut_after(_fault: Fault, _clock: Clock, app: ASGIApp, scope: Scope, receive: Receive, _send: Send) -> None:
    await app(scope, receive, _nowhere)
    _close_connection(scope)
    await _until_disconnected(receive)


async def _delay(fault: Fault, clock: Clock, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    await clock.sleep(fault.seconds)
    await app(scope, receive, send)


async def _cut_body(fault: Fault, _clock: Clock, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Let some bytes of the body pass, then close. A body that is not longer than that is not cut."""
    left = fault.after_bytes
    is_cut = False

    async def limited(message: Message) -> None:
        nonlocal left, is_cut
        body = message.get("body", b"")
        if is_cut:
            return
        if len(body) <= left:
            left -= len(body)
            await send(message)
            return
        is_cut = True
        await send({"type": "http.response.body", "body": body[:left], "more_body": True})
        _close_connection(scope)

    await app(scope, receive, limited)
    if is_cut:
        await _until_disconnected(receive)


async def _end_body_early(fault: Fault, _clock: Clock, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Let some bytes of the body pass, then end it as if that were all."""
    left = fault.after_bytes
    has_ended = False

    async def limited(message: Message) -> None:
        nonlocal left, has_ended
        if message["type"] == "http.response.start":
            await send(message | {"headers": _shortened(message["headers"], left)})
        elif not has_ended:
            body = message.get("body", b"")[:left]
            left -= len(body)
            has_ended = left == 0 or not message.get("more_body", False)
            await send({"type": "http.response.body", "body": body, "more_body": not has_ended})

    await app(scope, receive, limited)


def _shortened(headers: list[tuple[bytes, bytes]], size: int) -> list[tuple[bytes, bytes]]:
    return [
        (name, str(min(int(value), size)).encode() if name.lower() == b"content-length" else value)
        for name, value in headers
    ]


async def _throttle(fault: Fault, clock: Clock, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    step = max(fault.bytes_per_second // _THROTTLE_STEPS_PER_SECOND, 1)

    async def slow(message: Message) -> None:
        body = message.get("body", b"")
        for start in range(0, max(len(body) - step, 0), step):
            await send({"type": "http.response.body", "body": body[start : start + step], "more_body": True})
            await clock.sleep(step / fault.bytes_per_second)
        await send({**message, "body": body[(len(body) - 1) // step * step :]} if body else message)

    await app(scope, receive, slow)


async def _nowhere(_message: Message) -> None:
    """Send nothing to nobody."""


def _close_connection(scope: Scope) -> None:
    scope["state"]["transport"].close()


async def _until_disconnected(receive: Receive) -> None:
    """Read what is left of the request, until the server has noticed that the connection is gone."""
    while (await receive())["type"] != "http.disconnect":
        continue


_Wrapper = Callable[[Fault, Clock, ASGIApp, Scope, Receive, Send], Awaitable[Any]]
_WRAPPERS: dict[str, _Wrapper] = {
    "answer": _answer,
    "answer-after-commit": _answer_after,
    "cut-before-commit": _cut_before,
    "cut-after-commit": _cut_after,
    "cut-body": _cut_body,
    "end-body-early": _end_body_early,
    "delay": _delay,
    "garbage": _garbage,
    "throttle": _throttle,
}
