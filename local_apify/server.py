"""The local Apify in a thread of this process."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterable
from typing import Any, Self

import requests
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from local_apify.actors import BUILT_IN
from local_apify.actors.crawler import website_content_crawler
from local_apify.actors.shop import ROOT
from local_apify.api.application import Application
from local_apify.api.operation import Exchange, Site
from local_apify.api.web_fetch import WEB_FETCH
from local_apify.control import Control
from local_apify.settings import Settings
from local_apify.world.account import OTHER_USERNAME, USERNAME, User
from local_apify.world.actor import Actor
from local_apify.world.clock import now, stable_id
from local_apify.world.commons import Blueprint
from local_apify.world.runs import Task

DEFAULT_TOKEN = "apify_api_local"  # noqa: S105 - opens nothing but the local Apify
OTHER_TOKEN = "apify_api_other"  # noqa: S105 - the same
DAILY_CRAWL = "daily-crawl"
DAILY_CRAWL_PAGES = 20
_BACKLOG = 4096
_KEEP_ALIVE_SECONDS = 75
_STOP_SECONDS = 3
_MAX_HEAD_BYTES = 1024 * 1024
_ANY_HOST = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - what to call a server that listens everywhere


class LocalApify:
    """A local Apify, started by ``with`` or ``start()``.

    :param port: 0 takes a free one.
    :param token: of the user ``local``, whom tests and demonstrations usually are.
    :param other_token: of the user ``other``, for what somebody else may see and do.
    :param actors: more Actors, made with the decorator ``actor``.
    :param on_exchange: is told of every exchange of the API before the client sees its end, from the server's thread;
        may be set at any time, and must not raise.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        token: str = DEFAULT_TOKEN,
        other_token: str = OTHER_TOKEN,
        actors: Iterable[Actor] = (),
        settings: Settings | None = None,
        on_exchange: Callable[[Exchange], None] | None = None,
    ) -> None:
        self._host = host
        self._port = port
        self.token = token
        self.other_token = other_token
        self._actors = (*BUILT_IN, *actors)
        self._settings = settings or Settings()
        self._on_exchange = on_exchange
        self._site: Site | None = None
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None
        self.base_url = ""
        """Where the server is reached, such as ``http://127.0.0.1:8010``; empty before it is started."""

    @property
    def web_fetch_url(self) -> str:
        """Where Web Fetch answers: ``web_fetch_url`` of a connection's extra."""
        return f"{self.base_url}{WEB_FETCH}"

    @property
    def control(self) -> Control:
        """The faults, the ledger, the settings."""
        return Control(self.base_url)

    @property
    def on_exchange(self) -> Callable[[Exchange], None] | None:
        """Who is told of every exchange."""
        return self._on_exchange

    @on_exchange.setter
    def on_exchange(self, listener: Callable[[Exchange], None] | None) -> None:
        self._on_exchange = listener
        if self._site is not None:
            self._site.on_exchange = listener

    def use_actors(self, *actors: Actor) -> None:
        """Have these Actors beside the built-in ones from now on, and forget everything that has happened."""
        self._actors = (*BUILT_IN, *actors)
        if self._site is not None:
            self._site.blueprint = self._blueprint()
            self.control.reset()

    def start(self) -> Self:
        """Start to serve; returns when the server answers.

        :raises OSError: the port is taken.
        :raises RuntimeError: the server could not start.
        """
        listener = _listening(self._host, self._port)
        port = listener.getsockname()[1]
        self.base_url = f"http://{_ANY_HOST.get(self._host, self._host)}:{port}"
        self._site = Site(self._blueprint(), self._on_exchange)
        self._server = _Server(self._site)
        self._thread = threading.Thread(target=self._server.serve_on, args=[listener], name="local-apify", daemon=True)
        self._thread.start()
        self._server.ready.wait()
        if not self._server.started:
            self._thread.join()
            raise RuntimeError("The local Apify did not start; its thread has printed why.")
        return self

    def stop(self) -> None:
        """Stop at once: runs end, open requests are answered or dropped."""
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def add_task(
        self, name: str, actor: str, run_input: dict[str, Any] | None = None, options: dict[str, Any] | None = None
    ) -> str:
        """Save a task of the user ``local``, until the next reset.

        :param actor: the Actor's name or id.
        :param options: build, timeoutSecs, memoryMbytes, maxItems, maxTotalChargeUsd, restartOnError.
        :return: its id; ``local~NAME`` names it too.
        """
        body = {"name": name, "actId": actor.replace("/", "~"), "input": run_input, "options": options}
        with requests.Session() as session:
            session.trust_env = False
            answer = session.post(
                f"{self.base_url}/v2/actor-tasks",
                json=body,
                headers={"Authorization": f"Bearer {self._token_now}"},
                timeout=10,
            )
            answer.raise_for_status()
            return str(answer.json()["data"]["id"])

    @property
    def _token_now(self) -> str:
        """The token that is accepted: the first one, or the last that it was rotated to."""
        return self._site.realm.first.user.token if self._site else self.token

    def _blueprint(self) -> Blueprint:
        return Blueprint(
            base_url=self.base_url,
            users=(User(USERNAME, self.token), User(OTHER_USERNAME, self.other_token)),
            settings=self._settings,
            actors=self._actors,
            tasks=(_daily_crawl(self.base_url),),
        )


def _daily_crawl(base_url: str) -> Task:
    """Return the saved task that every local Apify has, ``local/daily-crawl``."""
    created = now()
    return Task(
        id=stable_id(f"task {USERNAME}/{DAILY_CRAWL}"),
        name=DAILY_CRAWL,
        actor=website_content_crawler,
        input={"startUrls": [{"url": f"{base_url}{ROOT}"}], "maxCrawlPages": DAILY_CRAWL_PAGES},
        options={"memoryMbytes": 1024},
        created_at=created,
        modified_at=created,
        title="Daily crawl of the demonstration shop",
    )


def _listening(host: str, port: int) -> socket.socket:
    """Return a socket that listens.

    It says that it is TCP: asyncio turns Nagle's algorithm off only then, and with it each answer takes 40 ms.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    listener.listen(_BACKLOG)
    return listener


class _ClosableProtocol(H11Protocol):
    """HTTP that hands its connection to the application, so that a fault can close it."""

    def _should_upgrade(self) -> bool:
        """Stay with HTTP/1.1, without a word: Java's client offers HTTP/2 with its requests, and needs no warning."""
        return False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.app_state = {**self.app_state, "transport": transport}
        super().connection_made(transport)


class _Server(uvicorn.Server):
    def __init__(self, site: Site) -> None:
        config = uvicorn.Config(
            Application(site),
            http=_ClosableProtocol,
            loop="asyncio",
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            backlog=_BACKLOG,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=_STOP_SECONDS,
            h11_max_incomplete_event_size=_MAX_HEAD_BYTES,
        )
        super().__init__(config)
        self._site = site
        self.ready = threading.Event()

    def serve_on(self, listener: socket.socket) -> None:
        try:
            with listener:
                asyncio.run(self.serve(sockets=[listener]))
        finally:
            self.ready.set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self._site.close()
        await super().shutdown(sockets)
