"""Both transports against real servers: the same fault leads to the same error and the same number of requests."""

from __future__ import annotations

import asyncio
import gzip
import socket
import traceback
import zlib
from collections.abc import Callable
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import requests

from airflow_provider_apify._api import account, transports
from airflow_provider_apify._api.answers import Answer, in_words
from airflow_provider_apify._api.request import Request
from airflow_provider_apify._api.runs import endpoints as run_endpoints
from airflow_provider_apify._api.sessions import shared_session
from airflow_provider_apify._api.storages import endpoints as storage_endpoints
from airflow_provider_apify._api.transports import Access, send_with_aiohttp, send_with_requests
from airflow_provider_apify.exceptions import (
    ApifyApiError,
    ApifyAuthError,
    ApifyCapacityError,
    ApifyConnectionError,
    ApifyError,
    ApifyInvalidInputError,
    ApifyNotFoundError,
    ApifyRateLimitError,
    ApifyServerError,
)
from airflow_provider_apify.options import RunOptions, Target
from local_apify import LocalApify
from tests._api.answering import run_data
from tests._api.asking import TOKEN, Ask, access_to
from tests._api.plain_server import ME, PlainServer, Reply, forward, plain_server

START = run_endpoints.start_run(Target("actor", "apify/scenario"), b'{"durationSecs": 0}', RunOptions())
READ = account.get_me()
LOOK = Request("HEAD", "/v2/users/me")
START_ROUTE = "POST /v2/actors/{actorId}/runs"
READ_ROUTE = "GET /v2/users/me"


@pytest.fixture
def access(local_apify: LocalApify) -> Access:
    return access_to(local_apify.base_url, local_apify.token)


def _unused_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _shown(error: BaseException) -> str:
    """Return everything that an error and those behind it would ever show."""
    chain: list[BaseException | None] = [error, error.__cause__, error.__context__]
    parts = [f"{each!s}{each!r}{each.args!r}{vars(each)!r}" for each in chain if each is not None]
    return "".join((*parts, *traceback.format_exception(error)))


def _requests(apify: LocalApify, route: str) -> int:
    return apify.control.ledger().requests_by_route.get(route, 0)


ANSWERS = [
    # status, type, class, how often a start is sent and reading is
    (400, "invalid-input", ApifyInvalidInputError, (1, 1)),
    (401, "user-or-token-not-found", ApifyAuthError, (1, 1)),
    (402, "actor-memory-limit-exceeded", ApifyCapacityError, (1, 1)),
    (402, "not-enough-usage-to-run-paid-actor", ApifyApiError, (1, 1)),
    (403, "insufficient-permissions", ApifyAuthError, (1, 1)),
    (404, "record-not-found", ApifyNotFoundError, (1, 1)),
    (429, "rate-limit-exceeded", ApifyRateLimitError, (3, 3)),
    (500, "internal-server-error", ApifyServerError, (1, 3)),
    (503, "", ApifyServerError, (1, 3)),
]


@pytest.mark.parametrize(("status", "error_type", "error", "sent"), ANSWERS)
def test_the_same_answer_is_the_same_error_over_both(  # noqa: PLR0917 - a table's columns
    ask: Ask,
    access: Access,
    local_apify: LocalApify,
    status: int,
    error_type: str,
    error: type[ApifyApiError],
    sent: tuple[int, int],
) -> None:
    local_apify.control.add_fault("answer", times=None, status=status, error_type=error_type, message="No, sorry")
    for request in (START, READ):
        with pytest.raises(error, match="No, sorry") as caught:
            ask(access, request)
        assert type(caught.value) is error
        assert caught.value.http_status == status
        assert access.token not in _shown(caught.value)
    assert (_requests(local_apify, START_ROUTE), _requests(local_apify, READ_ROUTE)) == sent
    assert local_apify.control.ledger().runs_started == 0


@pytest.mark.parametrize(
    ("fault", "started"), [("cut-before-commit", 0), ("cut-after-commit", 1), ("garbage", 1), ("cut-body", 1)]
)
def test_a_start_whose_answer_is_lost_is_sent_once(
    ask: Ask, access: Access, local_apify: LocalApify, fault: str, started: int
) -> None:
    local_apify.control.add_fault(fault, times=None)
    with pytest.raises(ApifyConnectionError, match="unknown whether it was done; not repeated") as caught:
        ask(access, START)
    assert access.token not in _shown(caught.value)
    assert _requests(local_apify, START_ROUTE) == 1
    assert local_apify.control.ledger().runs_started == started


@pytest.mark.parametrize("fault", ["cut-before-commit", "cut-after-commit", "garbage", "cut-body", "end-body-early"])
def test_reading_survives_a_lost_answer(ask: Ask, access: Access, local_apify: LocalApify, fault: str) -> None:
    local_apify.control.add_fault(fault, path="/v2/users/me", times=2)
    assert ask(access, READ)["username"] == "local"
    assert _requests(local_apify, READ_ROUTE) == 3


@pytest.mark.parametrize("fault", ["cut-before-commit", "garbage"])
def test_reading_gives_up_in_the_end(ask: Ask, access: Access, local_apify: LocalApify, fault: str) -> None:
    local_apify.control.add_fault(fault, path="/v2/users/me", times=None)
    with pytest.raises(ApifyConnectionError, match="GET /v2/users/me") as caught:
        ask(access, READ)
    assert access.token not in _shown(caught.value)
    # aiohttp itself repeats a GET once where a connection that served before turns out to be closed.
    assert 3 <= _requests(local_apify, READ_ROUTE) <= 6


def test_a_server_error_after_the_start_was_done_does_not_start_twice(
    ask: Ask, access: Access, local_apify: LocalApify
) -> None:
    local_apify.control.add_fault("answer-after-commit", status=502, times=None)
    with pytest.raises(ApifyServerError):
        ask(access, START)
    assert local_apify.control.ledger().runs_started == 1


def test_a_start_refused_for_too_many_requests_is_sent_again_and_starts_one_run(
    ask: Ask, access: Access, local_apify: LocalApify
) -> None:
    local_apify.control.add_fault("answer", status=429, error_type="rate-limit-exceeded", times=2)
    assert ask(access, START)["status"] == "READY"
    assert _requests(local_apify, START_ROUTE) == 3
    assert local_apify.control.ledger().runs_started == 1


def test_a_server_that_keeps_silent_is_given_up_after_the_request_s_time(
    ask: Ask, access: Access, local_apify: LocalApify
) -> None:
    local_apify.control.add_fault("delay", seconds=60, times=None)
    with pytest.raises(ApifyConnectionError, match="not repeated"):
        ask(access, replace(START, timeout=0.2))
    with pytest.raises(ApifyConnectionError, match="users/me"):
        ask(access, replace(READ, timeout=0.2))
    assert _requests(local_apify, START_ROUTE) == 1
    assert _requests(local_apify, READ_ROUTE) == 3


def test_an_answer_that_comes_a_few_bytes_at_a_time_is_given_up(
    ask: Ask, access: Access, local_apify: LocalApify, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would be whole in the end, but hold its caller far past any deadline until then."""
    monkeypatch.setattr(transports, "_LEAST_BODY_SECONDS", 0.1)
    local_apify.control.add_fault("throttle", times=None, bytes_per_second=60)
    with pytest.raises(ApifyConnectionError, match="the answer had begun, but did not end in time") as caught:
        ask(access, replace(START, timeout=0.3))
    assert "unknown whether it was done; not repeated" in str(caught.value)
    assert (_requests(local_apify, START_ROUTE), local_apify.control.ledger().runs_started) == (1, 1)


def test_a_long_answer_may_take_its_time(ask: Ask, access: Access, local_apify: LocalApify) -> None:
    local_apify.control.add_fault("throttle", times=None, bytes_per_second=2_000)
    assert ask(access, replace(READ, timeout=0.2, is_long=True))["username"] == "local"


@pytest.mark.parametrize(
    ("encoding", "body"), [("gzip", gzip.compress(ME)), ("deflate", zlib.compress(ME))], ids=["gzip", "deflate"]
)
def test_a_compressed_answer_is_read_alike_over_both(ask: Ask, encoding: str, body: bytes) -> None:
    with plain_server(lambda _handler: (200, {"Content-Encoding": encoding}, body)) as server:
        assert ask(access_to(server.base_url), READ) == {"username": "plain"}


def test_a_compressed_answer_that_is_none_is_no_answer(ask: Ask) -> None:
    with (
        plain_server(lambda _handler: (200, {"Content-Encoding": "gzip"}, ME)) as server,
        pytest.raises(ApifyConnectionError, match="no answer from"),
    ):
        ask(access_to(server.base_url), READ)


@pytest.mark.parametrize("request_", [START, READ], ids=["start", "read"])
def test_a_refused_connection_is_told_without_doubt(ask: Ask, request_: Request) -> None:
    with pytest.raises(ApifyConnectionError) as caught:
        ask(access_to(f"http://127.0.0.1:{_unused_port()}"), request_)
    assert "unknown" not in str(caught.value)
    assert TOKEN not in _shown(caught.value)


def test_a_host_without_an_address_is_told_without_doubt(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_such_host(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", no_such_host)
    with pytest.raises(ApifyConnectionError) as caught:
        ask(access_to("http://apify.invalid"), START)
    assert "unknown" not in str(caught.value)


def test_a_lost_start_of_a_caller_that_handles_a_refused_connection_is_sent_once(
    ask: Ask, access: Access, local_apify: LocalApify
) -> None:
    """What the caller is handling is older than the request, and proves nothing about it."""
    local_apify.control.add_fault("cut-after-commit", times=None)
    with pytest.raises(ApifyConnectionError, match="unknown whether it was done; not repeated"):
        _while_handling_a_refused_connection(lambda: ask(access, START))
    assert _requests(local_apify, START_ROUTE) == 1
    assert local_apify.control.ledger().runs_started == 1


def _while_handling_a_refused_connection(act: Callable[[], object]) -> None:
    try:
        requests.get(f"http://127.0.0.1:{_unused_port()}", timeout=10)
    except requests.ConnectionError:
        act()


@pytest.mark.parametrize("name", ["../users/me", "a/b", "a%2fb", "a?token=x#y", "a\nb", "%2e%2e", "🦊", "a b", "é~ü"])
def test_a_hostile_id_arrives_quoted_as_one_segment(ask: Ask, name: str) -> None:
    with plain_server() as server:
        ask(access_to(server.base_url), storage_endpoints.get_dataset(name))
    (target,) = server.targets
    assert target.count("/") == 3
    assert target.startswith("/v2/datasets/")
    assert not set(target) & set("?# \n")
    assert unquote(target) == f"/v2/datasets/{name}"


def test_every_request_carries_the_token_and_its_origin_in_headers_only(ask: Ask) -> None:
    with plain_server() as server:
        ask(access_to(server.base_url), replace(READ, user_agent="airflow-ti/1", params={"a": "b c"}))
        ask(access_to(server.base_url), replace(START, retry_safe=True))
    read, start = server.headers
    assert read["Authorization"] == start["Authorization"] == f"Bearer {TOKEN}"
    assert read["x-apify-integration-platform"] == "airflow"
    assert read["User-Agent"] == "tests airflow-ti/1"
    assert start["User-Agent"] == "tests"
    assert "Content-Type" not in read
    assert start["Content-Type"] == "application/json; charset=utf-8"
    assert TOKEN not in "".join(server.targets)


def test_a_start_without_input_has_neither_body_nor_content_type(ask: Ask) -> None:
    with plain_server() as server:
        ask(access_to(server.base_url), run_endpoints.start_run(Target("task", "t1"), None, RunOptions()))
    (headers,) = server.headers
    assert headers.get("Content-Length", "0") == "0"
    assert "Content-Type" not in headers


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
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{_unused_port()}")
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
    assert TOKEN not in _shown(caught.value)


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


def test_no_error_of_a_url_shows_its_parameters(ask: Ask) -> None:
    """A webhook's address travels in them, and its secret with it."""
    request = replace(START, params={"webhooks": "c2VjcmV0"})
    with pytest.raises(ApifyError) as caught:
        ask(access_to(f"http://127.0.0.1:{_unused_port()}"), request)
    assert "c2VjcmV0" not in _shown(caught.value)


def test_an_address_that_is_none_is_an_error_of_the_provider(ask: Ask) -> None:
    with pytest.raises(ApifyConnectionError) as caught:
        ask(access_to("http://"), READ)
    assert TOKEN not in _shown(caught.value)


def test_access_shows_no_token() -> None:
    assert TOKEN not in repr(access_to("http://127.0.0.1"))


def test_a_run_is_read_alike_over_both(ask: Ask) -> None:
    with plain_server(lambda _handler: (200, {"X-Test": "1"}, b'{"data": {"id": "run1"}}')) as server:
        assert ask(access_to(server.base_url), run_endpoints.get_run("run1"))["id"] == run_data()["id"]


def test_a_host_that_refuses_is_named(ask: Ask) -> None:
    host = f"127.0.0.1:{_unused_port()}"
    with pytest.raises(ApifyConnectionError, match=f"no answer from {host} "):
        ask(access_to(f"http://{host}", TOKEN), READ)


def test_a_host_that_speaks_no_tls_is_said_to_need_another_address(ask: Ask, local_apify: LocalApify) -> None:
    access = access_to(local_apify.base_url.replace("http://", "https://"), TOKEN)
    with pytest.raises(ApifyConnectionError, match="it seems to speak no TLS: begin its address with http://"):
        ask(access, READ)
