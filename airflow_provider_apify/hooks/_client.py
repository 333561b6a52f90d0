"""What every hook of this package stands on: an Airflow connection, and sending through it."""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import cached_property, partial
from threading import Lock
from typing import TYPE_CHECKING, Any, Self, TypeVar

from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook, conf

from airflow_provider_apify._airflow.compat import mask_secret
from airflow_provider_apify._api import flows, request
from airflow_provider_apify._api.answers import Answer, NoResponse, is_token_refused
from airflow_provider_apify._api.budget import within_budget
from airflow_provider_apify._api.crowds import crowd_of
from airflow_provider_apify._api.driving import drive, drive_async
from airflow_provider_apify._api.flows import Flow
from airflow_provider_apify._api.request import Request, taking_turns
from airflow_provider_apify._api.sessions import connection_share, shared_session
from airflow_provider_apify._api.taking import TakerFails
from airflow_provider_apify._api.transports import (
    Access,
    new_session,
    no_response,
    open_with_requests,
    read_with_requests,
    send_with_aiohttp,
    send_with_requests,
)
from airflow_provider_apify.exceptions import ApifyDataError
from airflow_provider_apify.hooks._connection import TOKEN_VARIABLE, ApifyConnection
from airflow_provider_apify.hooks._lookups import shared_lookup
from airflow_provider_apify.models.console import Console
from airflow_provider_apify.options import RetryPolicy

if TYPE_CHECKING:
    import aiohttp
    import requests

    from airflow_provider_apify._files.bodies import BodyReader

T = TypeVar("T")
Send = Callable[[Access, Request], Answer]
_RENEWING = Lock()
_PIECE_BYTES = 2**20
# Apify's errors are short; what a proxy says in its place may have no end.
_ERROR_BYTES = 2**16


class ApifyClient(BaseHook):
    """Look up the connection when it is first needed, and drive flows through it, blocking or on the event loop.

    Its parameters are those of :class:`~airflow_provider_apify.hooks.apify.ApifyHook`.
    """

    default_conn_name = "apify_default"

    def __init__(self, apify_conn_id: str = default_conn_name, *, retry: RetryPolicy | None = None) -> None:
        super().__init__()
        self.apify_conn_id = apify_conn_id
        self.retry = retry or RetryPolicy()

    @cached_property
    def _connection(self) -> ApifyConnection:
        """The connection, looked up when it is first needed, and again where Apify refuses its token."""
        try:
            return ApifyConnection.from_airflow(self.get_connection(self.apify_conn_id))
        except AirflowNotFoundException:
            pass  # and not a part of the next error
        fallback = self._from_environment()
        mask_secret(fallback.access.token)
        return fallback

    @property
    def _is_connected(self) -> bool:
        """Whether the connection has been looked up, so that Airflow need not be asked for it any more."""
        return "_connection" in self.__dict__

    @property
    def console(self) -> Console:
        """Where people look at runs and storages."""
        return self._connection.access.console

    def _with_retry(self, retry: RetryPolicy) -> Self:
        """Return a hook of the same connection, as it was looked up, with a session of its own."""
        other = type(self)(self.apify_conn_id, retry=retry)
        other._connection = self._connection
        return other

    async def _async_connection(self) -> ApifyConnection:
        if not self._is_connected:
            self.__dict__["_connection"] = await self._shared_look_up()
        return self._connection

    async def _shared_look_up(self, *, refused: str = "") -> ApifyConnection:
        """Look up the connection together with others.

        :param refused: the token that Apify has refused, if any.
        """
        # With several teams, the same ID may mean another connection for the next trigger.
        if conf.getboolean("core", "multi_team", fallback=False):
            return await self._look_up()
        return await shared_lookup(self.apify_conn_id, self._look_up, refused=refused)

    async def _look_up(self) -> ApifyConnection:
        from airflow.providers.common.compat.connection import get_async_connection  # noqa: PLC0415 - triggerer only
        from asgiref.sync import sync_to_async  # noqa: PLC0415 - triggerer only

        try:
            return ApifyConnection.from_airflow(await get_async_connection(self.apify_conn_id))
        except AirflowNotFoundException:
            pass  # and not a part of the next error
        connection = self._from_environment()
        await sync_to_async(mask_secret)(connection.access.token)
        return connection

    def _from_environment(self) -> ApifyConnection:
        """Serve a missing default connection only: another missing one may belong to another account."""
        found = ApifyConnection.from_environment() if self.apify_conn_id == self.default_conn_name else None
        if found is None:
            raise AirflowNotFoundException(
                f"Airflow connection {self.apify_conn_id!r} does not exist. Create it with type 'apify' and the Apify "
                f"API token as password. (For {self.default_conn_name!r}, the environment variable {TOKEN_VARIABLE} "
                "serves too.)",
            )
        self.log.info("No connection %r: using %s of the environment.", self.apify_conn_id, TOKEN_VARIABLE)
        return found

    @cached_property
    def _session(self) -> requests.Session:
        session = new_session()
        weakref.finalize(self, session.close)
        return session

    def _call(self, request: Request) -> dict[str, Any]:
        return self._drive(flows.call_data(request, self.retry))

    def _drive(
        self,
        flow: Flow[T],
        send: Send | None = None,
        pause: Callable[[float], object] = time.sleep,
        guard: AbstractContextManager[object] | None = None,
    ) -> T:
        """Run a flow, blocking.

        :param send: what sends its requests, where they are not read whole.
        :param pause: waits so many seconds before a request is sent.
        :param guard: entered for each pause and each request, and never while Airflow is asked.
        """
        chosen = send or partial(send_with_requests, self._session)
        return drive(
            self._renewing(self._within_budget(flow)),
            lambda request: chosen(self._connection.access, request),
            pause,
            guard or nullcontext(),
        )

    def _within_budget(self, flow: Flow[T]) -> Flow[T]:
        """Check the connection's monthly budget before whatever starts a run: all that is sent passes here."""
        return within_budget(flow, lambda: self._connection.limits, self.retry)

    def _renewing(self, flow: Flow[T]) -> Flow[T]:
        """Send a request once more where Apify refuses the token, having done nothing, and the connection has another.

        A flow around the flow, because what drives it holds no guard while a flow thinks: Airflow may be asked.
        """
        try:
            request = next(flow)
            while True:
                self._tell_troubles(request)
                access = self._connection.access
                answer = yield request
                if any(map(is_token_refused, (answer, *answer.beside))) and self._renew(access):
                    answer = yield replace(request, delay=0.0)
                request = flow.send(answer)
        except StopIteration as done:
            result: T = done.value
            return result

    def _tell_troubles(self, request: Request) -> None:
        for words in flows.troubles(request):
            self.log.warning(words)

    def _renew(self, refused: Access) -> bool:
        """Look up the connection again, and tell whether it has another token now, which serves from then on."""
        with _RENEWING:  # several threads may have been refused at once
            if self._connection.access.token == refused.token:
                found = type(self)(self.apify_conn_id)._connection
                self._take(found)
        return self._connection.access.token != refused.token

    def _take(self, found: ApifyConnection) -> None:
        """Go on with a connection that was looked up again, where it has another token."""
        if found.access.token != self._connection.access.token:
            self.log.info("Apify refused the token; connection %r has another one by now.", self.apify_conn_id)
            self.__dict__["_connection"] = found

    def _send_reading(
        self,
        read: Callable[[Mapping[str, str], Iterator[bytes]], T],
        results: list[T],
        access: Access,
        request: Request,
        piece_bytes: int = _PIECE_BYTES,
    ) -> Answer:
        """Send, and have ``read`` take the body of a good answer; a body that breaks is no answer.

        :param piece_bytes: how much comes at once; a piece that breaks is lost whole.
        :raises Exception: the own error of what takes the bytes, whatever it is.
        """
        import requests  # noqa: PLC0415 - a DAG file that imports an operator does not need it

        sent = time.monotonic()
        try:
            with open_with_requests(self._session, access, request) as response:
                answer = access.response(response.status_code, response.headers, b"")
                if not answer.is_success:
                    short = replace(request, is_long=False)
                    return replace(answer, body=read_with_requests(response, short, sent, most=_ERROR_BYTES))
                results.append(read(answer.headers, response.iter_content(piece_bytes)))
                return answer
        except requests.RequestException as error:
            return no_response(error, access)
        except ApifyDataError as error:
            return NoResponse(str(error), kind=ApifyDataError, is_of_another=True)
        except TakerFails as failure:
            raise failure.error from failure.error.__cause__

    async def _drive_async(self, flow: Flow[T]) -> T:
        """Run a flow on the event loop."""
        await self._async_connection()
        async with shared_session() as session:
            return await drive_async(self._within_budget(flow), partial(self._send_async, session))

    async def _drive_waiting(self, flow: Flow[T]) -> T:
        """Run a flow that waits for a run, together with all that wait for runs of the same account."""
        access = (await self._async_connection()).access
        async with shared_session() as session, crowd_of(access) as crowd:
            return await drive_async(flow, partial(crowd.send, partial(self._send_async, session)))

    async def _send_async(self, session: aiohttp.ClientSession, request: Request) -> Answer:
        """Do what :meth:`_renewing` does, on the event loop, where one look-up serves all that were refused."""
        self._tell_troubles(request)
        access, request = self._connection.access, taking_turns(request, connection_share())
        answer = await send_with_aiohttp(session, access, request)
        if not is_token_refused(answer):
            return answer
        self._take(await self._shared_look_up(refused=access.token))
        if self._connection.access.token == access.token:
            return answer
        return await send_with_aiohttp(session, self._connection.access, request)

    def _read_body(self, request: request.Request, reader: BodyReader) -> None:
        """Have a reader take a body, whatever it holds, from its start again where it breaks.

        :raises ApifyNotFoundError: there is no such thing.
        :raises ApifyDataError: bodies kept breaking.
        """
        flow = flows.call_resuming(lambda: request, lambda: reader.progress, self.retry, self.log.warning)
        self._drive(flow, partial(self._send_reading, reader.read, [], piece_bytes=_BODY_PIECE_BYTES))


# Small, so that a bad link still brings something each time: a body has to come from its start again.
_BODY_PIECE_BYTES = 2**16
