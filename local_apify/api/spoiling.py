"""Faults that change what an answer says, where its form is right."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from io import BytesIO
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode

from local_apify.world.faults import Fault

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_FRAMING = frozenset({b"content-length", b"transfer-encoding", b"connection"})
_BEHIND_ALL = 10**12


@dataclass(frozen=True)
class _Answer:
    """An answer of the application, uncompressed."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes

    def with_header(self, name: bytes, value: bytes) -> _Answer:
        others = [each for each in self.headers if each[0].lower() != name]
        return replace(self, headers=[*others, (name, value)])

    async def send(self, send: Send) -> None:
        """Send it, with the length that it has."""
        sized = self.with_header(b"content-length", str(len(self.body)).encode())
        await send({"type": "http.response.start", "status": self.status, "headers": sized.headers})
        await send({"type": "http.response.body", "body": self.body})


async def _answer(app: ASGIApp, scope: Scope, receive: Receive) -> _Answer:
    headers = [each for each in scope["headers"] if each[0] != b"accept-encoding"]
    answer = _Answer(200, [], b"")

    async def keep(message: Message) -> None:
        nonlocal answer
        if message["type"] == "http.response.start":
            answer = _Answer(message["status"], list(message["headers"]), b"")
        else:
            answer = replace(answer, body=answer.body + message.get("body", b""))

    await app({**scope, "headers": headers}, receive, keep)
    return answer


async def _end_between_lines(app: ASGIApp, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
    answer = await _answer(app, scope, receive)
    end = answer.body.rfind(b"\n", 0, fault.after_bytes) + 1
    await replace(answer, body=answer.body[:end]).send(send)


async def _end_of_connection(app: ASGIApp, fault: Fault, scope: Scope, receive: Receive, _send: Send) -> None:
    """Answer as old proxies do, which say where a body ends by closing the connection behind it."""
    answer = await _answer(app, scope, receive)
    lines = [f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}".encode()]
    lines += [name + b": " + value for name, value in answer.headers if name.lower() not in _FRAMING]
    transport = scope["state"]["transport"]
    transport.write(b"\r\n".join([*lines, b"connection: close", b"", answer.body[: fault.after_bytes]]))
    transport.close()
    await until_disconnected(receive)


async def _foreign_lines(app: ASGIApp, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
    answer = await _answer(app, scope, receive)
    foreign, lines = BytesIO((fault.text or "\n").encode()).readlines(), BytesIO(answer.body).readlines()
    place = answer.body.count(b"\n", 0, fault.after_bytes)
    lines[place : place + len(foreign)] = foreign
    await replace(answer, body=b"".join(lines)).send(send)


async def _other_page(app: ASGIApp, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
    await app(_at_offset(scope, fault.offset), receive, send)


async def _empty_page(app: ASGIApp, _fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
    asked = parse_qs(scope["query_string"].decode()).get("offset", ["0"])[0]
    answer = await _answer(app, _at_offset(scope, _BEHIND_ALL), receive)
    await answer.with_header(b"x-apify-pagination-offset", asked.encode()).send(send)


async def _doubled_headers(app: ASGIApp, _fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
    async def doubled(message: Message) -> None:
        if message["type"] == "http.response.start":
            more = [each for each in message["headers"] if each[0].lower().startswith(b"x-apify")]
            message = {**message, "headers": [*message["headers"], *more]}
        await send(message)

    await app(scope, receive, doubled)


async def _change_field(app: ASGIApp, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
    answer = await _answer(app, scope, receive)
    content = json.loads(answer.body)
    for each in _objects(content.get("data", {})):
        if fault.value is None:
            each.pop(fault.field, None)
        else:
            each[fault.field] = fault.value
    await replace(answer, body=json.dumps(content).encode()).send(send)


def _at_offset(scope: Scope, offset: int) -> Scope:
    """Return a request for another page."""
    params = parse_qs(scope["query_string"].decode(), keep_blank_values=True)
    return {**scope, "query_string": urlencode({**params, "offset": [offset]}, doseq=True).encode()}


def _objects(data: Any) -> list[dict[str, Any]]:
    """Return the object that an answer is about, and those in its list."""
    return [data, *(each for each in data.get("items", ()) if isinstance(each, dict))]


async def until_disconnected(receive: Receive) -> None:
    """Read what is left of the request, until the server has noticed that the connection is gone."""
    while (await receive())["type"] != "http.disconnect":
        continue


SPOILS: Mapping[str, Callable[[ASGIApp, Fault, Scope, Receive, Send], Awaitable[None]]] = MappingProxyType(
    {
        "end-between-lines": _end_between_lines,
        "end-of-connection": _end_of_connection,
        "foreign-lines": _foreign_lines,
        "other-page": _other_page,
        "empty-page": _empty_page,
        "doubled-headers": _doubled_headers,
        "change-field": _change_field,
    },
)
