"""What lies between here and Apify, over both transports: proxies, redirects, and a netrc file."""

from __future__ import annotations

import asyncio
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
import requests

from airflow_provider_apify._api.answers import Answer, in_words
from airflow_provider_apify._api.request import Request
from airflow_provider_apify._api.sessions import shared_session
from airflow_provider_apify._api.transports import Access, send_with_aiohttp, send_with_requests
from airflow_provider_apify.exceptions import (
    ApifyConnectionError,
    ApifyServerError,
)
from tests._api.asking import READ, START, TOKEN, Ask, access_to, shown, unused_port
from tests._api.plain_server import ME, PlainServer, Reply, forward, plain_server

LOOK = Request("HEAD", "/v2/users/me")


def test_a_netrc_file_never_replaces_the_token(ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\ndefault login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with plain_server() as server:
        ask(access_to(server.base_url), READ)
    assert server.headers[0]["Authorization"] == f"Bearer {TOKEN}"


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Any:
    with plain_server(forward) as server:
        monkeypatch.setenv("http_proxy", server.base_url)
        yield server


def test_the_environment_s_proxy_is_used(ask: Ask, proxy: PlainServer) -> None:
    with plain_server() as server:
        assert ask(access_to(server.base_url), READ) == {"username": "plain"}
    assert proxy.targets == [f"{server.base_url}/v2/users/me"]
    assert server.headers[0]["Authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize("no_proxy", ["*", "127.0.0.1", "localhost,127.0.0.1", "127.0.0.0/8"])
def test_the_environment_s_exceptions_from_the_proxy_are_kept(
    ask: Ask, proxy: PlainServer, no_proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", no_proxy)
    with plain_server() as server:
        assert ask(access_to(server.base_url), READ) == {"username": "plain"}
    assert proxy.targets == []


def test_a_proxy_that_is_down_is_no_answer(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{unused_port()}")
    with pytest.raises(ApifyConnectionError) as caught:
        ask(access_to("http://apify.invalid"), START)
    assert "unknown" not in str(caught.value)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirected_start_is_no_start(ask: Ask, status: int) -> None:
    """Following would turn it into a GET of the list of runs, or send the token somewhere else."""
    with (
        plain_server(lambda _handler: (status, {"Location": "/elsewhere"}, b"")) as server,
        pytest.raises(ApifyServerError, match="check the connection's host") as caught,
    ):
        ask(access_to(server.base_url), START)
    assert len(server.targets) == 1
    assert TOKEN not in shown(caught.value)


def test_a_redirected_look_without_a_body_is_followed() -> None:
    def reply(handler: BaseHTTPRequestHandler) -> Reply:
        return (200, {}, ME) if handler.path == "/elsewhere" else (308, {"Location": "/elsewhere"}, b"")

    async def send_on_loop(access: Access) -> Answer:
        async with shared_session() as session:
            return await send_with_aiohttp(session, access, LOOK)

    with plain_server(reply) as server, requests.Session() as session:
        access = access_to(server.base_url)
        answers = [send_with_requests(session, access, LOOK), asyncio.run(send_on_loop(access))]
    assert [in_words(answer) for answer in answers] == ["HTTP 200"] * 2


def test_a_redirected_read_is_followed(ask: Ask) -> None:
    def reply(handler: BaseHTTPRequestHandler) -> Reply:
        return (200, {}, ME) if handler.path == "/elsewhere" else (302, {"Location": "/elsewhere"}, b"")

    with plain_server(reply) as server:
        assert ask(access_to(server.base_url), READ) == {"username": "plain"}
