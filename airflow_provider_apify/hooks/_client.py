"""What every hook of this package stands on: an Airflow connection, and sending through it."""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Self, TypeVar

from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook, conf

from airflow_provider_apify._api import endpoints, flows
from airflow_provider_apify._api.answers import Answer, NoResponse
from airflow_provider_apify._api.flows import Flow, RetryPolicy
from airflow_provider_apify._api.transports import (
    drive,
    drive_async,
    new_session,
    no_response,
    open_with_requests,
    read_with_requests,
    send_with_aiohttp,
    send_with_requests,
    shared_session,
)
from airflow_provider_apify._compat import mask_secret
from airflow_provider_apify.exceptions import ApifyDataError
from airflow_provider_apify.hooks._connection import TOKEN_VARIABLE, ApifyConnection
from airflow_provider_apify.hooks._lookups import shared_lookup

if TYPE_CHECKING:
    import requests

T = TypeVar("T")
_PIECE_BYTES = 2**20


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
    def connection(self) -> ApifyConnection:
        """The connection, looked up when it is first needed."""
        try:
            return ApifyConnection.from_airflow(self.get_connection(self.apify_conn_id))
        except AirflowNotFoundException:
            fallback = self._from_environment()
            mask_secret(fallback.access.token)
            return fallback

    @property
    def is_connected(self) -> bool:
        """Whether the connection has been looked up, so that Airflow need not be asked for it any more."""
        return "connection" in self.__dict__

    def with_retry(self, retry: RetryPolicy) -> Self:
        """Return a hook of the same connection, as it was looked up, with a session of its own."""
        other = type(self)(self.apify_conn_id, retry=retry)
        other.connection = self.connection
        return other

    async def _async_connection(self) -> ApifyConnection:
        if not self.is_connected:
            # With several teams, the same ID may mean another connection for the next trigger.
            is_shared = not conf.getboolean("core", "multi_team", fallback=False)
            found = shared_lookup(self.apify_conn_id, self._look_up) if is_shared else self._look_up()
            self.__dict__["connection"] = await found
        return self.connection

    async def _look_up(self) -> ApifyConnection:
        from airflow.providers.common.compat.connection import get_async_connection  # noqa: PLC0415 - triggerer only
        from asgiref.sync import sync_to_async  # noqa: PLC0415 - triggerer only

        try:
            return ApifyConnection.from_airflow(await get_async_connection(self.apify_conn_id))
        except AirflowNotFoundException:
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

    def _call(self, request: endpoints.Request) -> dict[str, Any]:
        return self._drive(flows.call_data(request, self.retry))

    def _drive(
        self,
        flow: Flow[T],
        send: Callable[[endpoints.Request], Answer] | None = None,
        pause: Callable[[float], object] = time.sleep,
        guard: AbstractContextManager[object] | None = None,
    ) -> T:
        send = send or partial(send_with_requests, self._session, self.connection.access)
        return drive(flow, send, pause, guard or nullcontext())

    def _send_reading(
        self,
        read: Callable[[Mapping[str, str], Iterator[bytes]], T],
        results: list[T],
        request: endpoints.Request,
        piece_bytes: int = _PIECE_BYTES,
    ) -> Answer:
        """Send, and have ``read`` take the body of a good answer; a body that breaks is no answer.

        :param piece_bytes: how much comes at once; a piece that breaks is lost whole.
        """
        import requests  # noqa: PLC0415 - a DAG file that imports an operator does not need it

        sent = time.monotonic()
        try:
            with open_with_requests(self._session, self.connection.access, request) as response:
                answer = self.connection.access.response(response.status_code, response.headers, b"")
                if not answer.is_success:
                    return replace(answer, body=read_with_requests(response, replace(request, is_long=False), sent))
                results.append(read(answer.headers, response.iter_content(piece_bytes)))
                return answer
        except requests.RequestException as error:
            return no_response(error, self.connection.access)
        except ApifyDataError as error:
            return NoResponse(str(error), kind=ApifyDataError)

    async def _drive_async(self, flow: Flow[T]) -> T:
        access = (await self._async_connection()).access
        async with shared_session() as session:
            return await drive_async(flow, partial(send_with_aiohttp, session, access))
