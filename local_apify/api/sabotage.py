"""What each fault does to an exchange."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from starlette.responses import HTMLResponse, JSONResponse, Response

from local_apify.api.spoiling import SPOILS, until_disconnected
from local_apify.world.clock import Clock
from local_apify.world.errors import ApiError
from local_apify.world.faults import Fault

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

GARBAGE = b"<html>\x00 This is not the API.\xff"
_THROTTLE_STEPS_PER_SECOND = 20


def sabotaged(app: ASGIApp, fault: Fault, clock: Clock) -> ASGIApp:
    """Return the application with a fault built in; faults that concern no bytes leave it as it is."""
    if fault.action in SPOILS:
        return partial(SPOILS[fault.action], app, fault)
    action = _ACTIONS.get(fault.action)
    return app if action is None else partial(action, _Saboteur(app, fault, clock))


@dataclass(frozen=True)
class _Saboteur:
    """An application that goes wrong, with a method for each way."""

    app: ASGIApp
    fault: Fault
    clock: Clock

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        fault = self.fault
        if fault.text is not None:
            await HTMLResponse(fault.text, fault.status, fault.headers)(scope, receive, send)
            return
        error = ApiError(fault.status, fault.error_type, fault.message)
        await JSONResponse(error.to_body(), error.status, fault.headers)(scope, receive, send)

    async def answer_after_commit(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, _nowhere)
        await self.answer(scope, receive, send)

    async def garbage(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, _nowhere)
        await Response(GARBAGE, 200, media_type="application/json")(scope, receive, send)

    async def cut_before_commit(self, scope: Scope, receive: Receive, _send: Send) -> None:
        _close_connection(scope)
        await until_disconnected(receive)

    async def cut_after_commit(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, _nowhere)
        await self.cut_before_commit(scope, receive, send)

    async def delay(self, scope: Scope, receive: Receive, send: Send) -> None:
        arrived = await _whole_request(receive)
        await self.clock.sleep(self.fault.seconds)
        await self.app(scope, arrived, send)

    async def delay_after_commit(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer: list[Message] = []

        async def keep(message: Message) -> None:
            answer.append(message)

        await self.app(scope, receive, keep)
        await self.clock.sleep(self.fault.seconds)
        for message in answer:
            await send(message)

    async def cut_body(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let some bytes of the body pass, then close. One of just as many loses its end, a shorter one nothing."""
        left = self.fault.after_bytes
        is_cut = False

        async def limited(message: Message) -> None:
            nonlocal left, is_cut
            body = message.get("body", b"")
            if is_cut:
                return
            is_start = message["type"] == "http.response.start"
            if len(body) < left or (len(body) == left and (is_start or message.get("more_body", False))):
                left -= len(body)
                await send(message)
                return
            is_cut = True
            await send({"type": "http.response.body", "body": body[:left], "more_body": True})
            _close_connection(scope)

        await self.app(scope, receive, limited)
        if is_cut:
            await until_disconnected(receive)

    async def end_body_early(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let some bytes of the body pass, then end it as if that were all."""
        left = self.fault.after_bytes
        has_ended = False

        async def limited(message: Message) -> None:
            nonlocal left, has_ended
            if message["type"] == "http.response.start":
                await send({**message, "headers": _shortened(message["headers"], left)})
            elif not has_ended:
                body = message.get("body", b"")[:left]
                left -= len(body)
                has_ended = left == 0 or not message.get("more_body", False)
                await send({"type": "http.response.body", "body": body, "more_body": not has_ended})

        await self.app(scope, receive, limited)

    async def throttle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the body in small pieces with pauses."""
        speed = self.fault.bytes_per_second
        step = max(speed // _THROTTLE_STEPS_PER_SECOND, 1)

        async def slow(message: Message) -> None:
            body = message.get("body", b"")
            while len(body) > step:
                await send({"type": "http.response.body", "body": body[:step], "more_body": True})
                await self.clock.sleep(step / speed)
                body = body[step:]
            await send({**message, "body": body} if body else message)

        await self.app(scope, receive, slow)


def _shortened(headers: list[tuple[bytes, bytes]], size: int) -> list[tuple[bytes, bytes]]:
    return [
        (name, str(min(int(value), size)).encode() if name.lower() == b"content-length" else value)
        for name, value in headers
    ]


async def _whole_request(receive: Receive) -> Receive:
    """Take the request in now, so that it can still be read when its client is gone."""
    messages = [await receive()]
    while messages[-1].get("more_body", False):
        messages.append(await receive())

    async def replay() -> Message:
        return messages.pop(0) if messages else await receive()

    return replay


async def _nowhere(_message: Message) -> None:
    """Send nothing to nobody."""


def _close_connection(scope: Scope) -> None:
    scope["state"]["transport"].close()


_ACTIONS: dict[str, Callable[[_Saboteur, Scope, Receive, Send], Awaitable[None]]] = {
    "answer": _Saboteur.answer,
    "answer-after-commit": _Saboteur.answer_after_commit,
    "cut-before-commit": _Saboteur.cut_before_commit,
    "cut-after-commit": _Saboteur.cut_after_commit,
    "cut-body": _Saboteur.cut_body,
    "end-body-early": _Saboteur.end_body_early,
    "delay": _Saboteur.delay,
    "delay-after-commit": _Saboteur.delay_after_commit,
    "garbage": _Saboteur.garbage,
    "throttle": _Saboteur.throttle,
}
