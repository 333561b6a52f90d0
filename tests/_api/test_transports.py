"""Both transports against real servers: the same fault leads to the same error and the same number of requests."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import unquote

import pytest
import requests

from airflow_provider_apify._api.request import Request
from airflow_provider_apify._api.runs import endpoints as run_endpoints
from airflow_provider_apify._api.storages import endpoints as storage_endpoints
from airflow_provider_apify._api.transports import Access
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
from tests._api.asking import (
    READ,
    READ_ROUTE,
    START,
    START_ROUTE,
    TOKEN,
    Ask,
    access_to,
    shown,
    times_sent,
    unused_port,
)
from tests._api.plain_server import plain_server

LOOK = Request("HEAD", "/v2/users/me")


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
        assert access.token not in shown(caught.value)
    assert (times_sent(local_apify, START_ROUTE), times_sent(local_apify, READ_ROUTE)) == sent
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
    assert access.token not in shown(caught.value)
    assert times_sent(local_apify, START_ROUTE) == 1
    assert local_apify.control.ledger().runs_started == started


@pytest.mark.parametrize("fault", ["cut-before-commit", "cut-after-commit", "garbage", "cut-body", "end-body-early"])
def test_reading_survives_a_lost_answer(ask: Ask, access: Access, local_apify: LocalApify, fault: str) -> None:
    local_apify.control.add_fault(fault, path="/v2/users/me", times=2)
    assert ask(access, READ)["username"] == "local"
    assert times_sent(local_apify, READ_ROUTE) == 3


@pytest.mark.parametrize("fault", ["cut-before-commit", "garbage"])
def test_reading_gives_up_in_the_end(ask: Ask, access: Access, local_apify: LocalApify, fault: str) -> None:
    local_apify.control.add_fault(fault, path="/v2/users/me", times=None)
    with pytest.raises(ApifyConnectionError, match="GET /v2/users/me") as caught:
        ask(access, READ)
    assert access.token not in shown(caught.value)
    # aiohttp itself repeats a GET once where a connection that served before turns out to be closed.
    assert 3 <= times_sent(local_apify, READ_ROUTE) <= 6


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
    assert times_sent(local_apify, START_ROUTE) == 3
    assert local_apify.control.ledger().runs_started == 1


@pytest.mark.parametrize("request_", [START, READ], ids=["start", "read"])
def test_a_refused_connection_is_told_without_doubt(ask: Ask, request_: Request) -> None:
    with pytest.raises(ApifyConnectionError) as caught:
        ask(access_to(f"http://127.0.0.1:{unused_port()}"), request_)
    assert "unknown" not in str(caught.value)
    assert TOKEN not in shown(caught.value)


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
    assert times_sent(local_apify, START_ROUTE) == 1
    assert local_apify.control.ledger().runs_started == 1


def _while_handling_a_refused_connection(act: Callable[[], object]) -> None:
    try:
        requests.get(f"http://127.0.0.1:{unused_port()}", timeout=10)
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


def test_no_error_of_a_url_shows_its_parameters(ask: Ask) -> None:
    """A webhook's address travels in them, and its secret with it."""
    request = replace(START, params={"webhooks": "c2VjcmV0"})
    with pytest.raises(ApifyError) as caught:
        ask(access_to(f"http://127.0.0.1:{unused_port()}"), request)
    assert "c2VjcmV0" not in shown(caught.value)


def test_an_address_that_is_none_is_an_error_of_the_provider(ask: Ask) -> None:
    with pytest.raises(ApifyConnectionError) as caught:
        ask(access_to("http://"), READ)
    assert TOKEN not in shown(caught.value)


def test_access_shows_no_token() -> None:
    assert TOKEN not in repr(access_to("http://127.0.0.1"))


def test_a_run_is_read_alike_over_both(ask: Ask) -> None:
    with plain_server(lambda _handler: (200, {"X-Test": "1"}, b'{"data": {"id": "run1"}}')) as server:
        assert ask(access_to(server.base_url), run_endpoints.get_run("run1"))["id"] == run_data()["id"]


def test_a_host_that_refuses_is_named(ask: Ask) -> None:
    host = f"127.0.0.1:{unused_port()}"
    with pytest.raises(ApifyConnectionError, match=f"no answer from {host} "):
        ask(access_to(f"http://{host}", TOKEN), READ)


def test_a_host_that_speaks_no_tls_is_said_to_need_another_address(ask: Ask, local_apify: LocalApify) -> None:
    access = access_to(local_apify.base_url.replace("http://", "https://"), TOKEN)
    with pytest.raises(
        ApifyConnectionError, match="it seems to speak no TLS: begin its address with http://"
    ) as caught:
        ask(access, READ)
    port = local_apify.base_url.rpartition(":")[2]
    assert f"({local_apify.base_url}; in the URI of a connection @http%3A%2F%2F127.0.0.1%3A{port})" in str(caught.value)
