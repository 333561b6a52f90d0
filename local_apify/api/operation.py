"""The way of one request: counted, sabotaged, authorized, handled, recorded."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from starlette.requests import ClientDisconnect, Request

from local_apify.api.access import is_for_account
from local_apify.api.bodies import JsonResponse
from local_apify.api.call import Call
from local_apify.api.endpoint import Endpoint
from local_apify.api.sabotage import sabotaged
from local_apify.world.commons import Blueprint
from local_apify.world.errors import ApiError, forbidden
from local_apify.world.faults import Fault
from local_apify.world.rates import rate_of
from local_apify.world.realm import Identity, Realm

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_log = logging.getLogger(__name__)
_FAILED = ApiError(500, "internal-server-error", "There was an internal server error; the log of the server has more.")
_BODILESS = frozenset({204, 304})
MAX_RECORDED_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Exchange:
    """A request and its answer, as they went over the wire.

    :param template: the path of the operation in the OpenAPI document.
    :param response_body: ``None`` when it was longer than 1 MiB.
    :param fault: the action of the fault that happened to it, if any.
    :param raw_path: the path byte for byte as it came, where ``path`` is spelled in one way.
    """

    method: str
    path: str
    template: str
    query: str
    request_headers: dict[str, str]
    request_body: bytes
    status: int
    response_headers: dict[str, str]
    response_body: bytes | None
    fault: str | None
    raw_path: str = ""


Listener = Callable[[Exchange], None]


class Site:
    """What is served now, and who listens.

    :param blueprint: what is served after the next reset; changeable at any time.
    :param on_exchange: is told of every finished exchange of the API, from the server's thread; changeable at any time.
    :cvar observers: are told the same, of every local Apify in this process.
    """

    observers: ClassVar[list[Listener]] = []

    def __init__(self, blueprint: Blueprint, on_exchange: Listener | None = None) -> None:
        self.blueprint = blueprint
        self.realm = Realm(blueprint)
        self.on_exchange = on_exchange

    @property
    def listeners(self) -> list[Listener]:
        """Everyone who is told of exchanges."""
        return [*self.observers, *([self.on_exchange] if self.on_exchange else [])]

    async def reset(self) -> None:
        """Stop everything and start afresh."""
        old, self.realm = self.realm, Realm(self.blueprint)
        await old.close()

    async def close(self) -> None:
        """Stop everything."""
        await self.realm.close()


class Operation:
    """An operation of the API as an ASGI application."""

    def __init__(self, endpoint: Endpoint, site: Site) -> None:
        self._endpoint = endpoint
        self._rate = rate_of(endpoint.method, endpoint.template)
        self._site = site

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        realm = self._site.realm
        realm.requests[f"{scope['method']} {self._endpoint.template}"] += 1
        fault = realm.faults.due(scope["method"], scope["path"])
        app = self._handling(realm, fault)
        if fault is not None:
            app = sabotaged(app, fault, realm.clock)
        listeners = self._site.listeners
        if listeners and self._endpoint.is_api:
            app = self._recorded(app, fault, listeners)
        await app(scope, receive, send)

    def _handling(self, realm: Realm, fault: Fault | None) -> ASGIApp:
        lag = realm.settings.replica_lag_seconds
        if fault is not None and fault.action == "lag":
            lag = fault.seconds
        if fault is not None and fault.action == "expire-token":
            realm.faults.token_is_expired = True

        async def handle(scope: Scope, receive: Receive, send: Send) -> None:
            try:
                response = await self._response(Request(scope, receive), realm, lag)
            except ClientDisconnect:
                return  # nobody is there to be answered
            response.headers["X-RateLimit-Limit"] = str(self._rate)
            await response(scope, receive, send)

        return handle

    async def _response(self, request: Request, realm: Realm, lag_seconds: float) -> Response:
        realm.forget_unused()
        try:
            self._check_rate(request, realm)
            identity = self._admitted(_identity(request, realm, is_needed=not self._endpoint.is_public))
            call = Call(request, realm, identity, lag_seconds=lag_seconds)
            return await self._endpoint.handler(call)
        except ApiError as error:
            return JsonResponse(error.to_body(), error.status)
        except ClientDisconnect:
            raise
        except Exception:  # noqa: BLE001 - a mistake of this server, which must look like one of Apify's
            _log.exception("The local Apify failed at %s %s", request.method, self._endpoint.template)
            return JsonResponse(_FAILED.to_body(), _FAILED.status)

    def _admitted(self, identity: Identity | None) -> Identity | None:
        """Return who sends the request; of the account, a run with limited permissions sees what everybody does.

        :raises ApiError: it is such a run, and the operation is for the account.
        """
        if identity is None or identity.limited_run is None or not is_for_account(self._endpoint.template):
            return identity
        if self._endpoint.is_public:
            return None
        raise forbidden("account")

    def _check_rate(self, request: Request, realm: Realm) -> None:
        """Check that the resource takes one more request now.

        :raises ApiError: it does not.
        """
        share = realm.settings.rate_limit_share
        if share is None or not self._endpoint.is_api:
            return
        if not realm.rates.take(request.scope["path"], self._rate, share=share):
            limit = max(self._rate * share, 1)
            raise ApiError(
                429, "rate-limit-exceeded", f"You have exceeded the rate limit of {limit:g} requests per second"
            )

    def _recorded(self, app: ASGIApp, fault: Fault | None, listeners: list[Listener]) -> ASGIApp:
        async def recording(scope: Scope, receive: Receive, send: Send) -> None:
            received, sent = bytearray(), _Sent(has_body=scope["method"] != "HEAD")

            async def receive_noted() -> Message:
                message = await receive()
                received.extend(message.get("body", b""))
                return message

            async def send_noted(message: Message) -> None:
                if sent.note(message):  # told before the client can know, so that a test may look at once
                    exchange = self._exchange(scope, bytes(received), sent, fault)
                    for listener in listeners:
                        listener(exchange)
                await send(message)

            await app(scope, receive_noted, send_noted)

        return recording

    def _exchange(self, scope: Scope, received: bytes, sent: _Sent, fault: Fault | None) -> Exchange:
        return Exchange(
            method=scope["method"],
            path=scope["path"],
            template=self._endpoint.template,
            query=scope["query_string"].decode(),
            request_headers=_as_text(scope["headers"]),
            request_body=received,
            status=sent.status,
            response_headers=sent.headers,
            response_body=None if len(sent.body) > MAX_RECORDED_BYTES else bytes(sent.body),
            fault=fault.action if fault else None,
            raw_path=scope["raw_path"].decode("latin-1"),
        )


class _Sent:
    """What was sent so far; of long bodies only the beginning."""

    def __init__(self, *, has_body: bool) -> None:
        self._has_body = has_body
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = bytearray()

    def note(self, message: Message) -> bool:
        """Take note of a part of the answer, and tell whether the client has all of it then."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = _as_text(message["headers"])
            self._has_body = self._has_body and self.status not in _BODILESS
            return not self._has_body
        if len(self.body) <= MAX_RECORDED_BYTES:
            self.body.extend(message.get("body", b""))
        return self._has_body and not message.get("more_body", False)


def _as_text(headers: list[tuple[bytes, bytes]]) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in headers}


def _identity(request: Request, realm: Realm, *, is_needed: bool) -> Identity | None:
    """Return whose token the request has; ``None`` where it has none.

    :raises ApiError: the token is wrong or expired, or missing where it is needed.
    """
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    token = bearer.strip() if scheme.lower() == "bearer" else request.query_params.get("token", "")
    if not token and is_needed:
        raise ApiError(401, "token-not-provided", "Authentication token was not provided.")
    if not token:
        return None
    identity = None if realm.faults.token_is_expired else realm.identified(token)
    if identity is None:
        raise ApiError(401, "user-or-token-not-found", "User was not found or authentication token is not valid")
    return identity
