"""Bodies of answers over both transports: compressed, slow, without end, nested."""

from __future__ import annotations

import gzip
import zlib
from dataclasses import replace

import pytest

from airflow_provider_apify._api import transports
from airflow_provider_apify._api.transports import Access
from airflow_provider_apify.exceptions import (
    ApifyConnectionError,
    ApifyServerError,
)
from local_apify import LocalApify
from tests._api.asking import READ, READ_ROUTE, START, START_ROUTE, Ask, access_to, times_sent
from tests._api.plain_server import ME, plain_server


def test_a_server_that_keeps_silent_is_given_up_after_the_request_s_time(
    ask: Ask, access: Access, local_apify: LocalApify
) -> None:
    local_apify.control.add_fault("delay", seconds=60, times=None)
    with pytest.raises(ApifyConnectionError, match="not repeated"):
        ask(access, replace(START, timeout=0.2))
    with pytest.raises(ApifyConnectionError, match="users/me"):
        ask(access, replace(READ, timeout=0.2))
    assert times_sent(local_apify, START_ROUTE) == 1
    assert times_sent(local_apify, READ_ROUTE) == 3


def test_an_answer_that_comes_a_few_bytes_at_a_time_is_given_up(
    ask: Ask, access: Access, local_apify: LocalApify, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would be whole in the end, but hold its caller far past any deadline until then."""
    monkeypatch.setattr(transports, "_LEAST_BODY_SECONDS", 0.1)
    local_apify.control.add_fault("throttle", times=None, bytes_per_second=60)
    with pytest.raises(ApifyConnectionError, match="the answer had begun, but did not end in time") as caught:
        ask(access, replace(START, timeout=0.3))
    assert "unknown whether it was done; not repeated" in str(caught.value)
    assert (times_sent(local_apify, START_ROUTE), local_apify.control.ledger().runs_started) == (1, 1)


def test_a_long_answer_may_take_its_time(ask: Ask, access: Access, local_apify: LocalApify) -> None:
    local_apify.control.add_fault("throttle", times=None, bytes_per_second=2_000)
    assert ask(access, replace(READ, timeout=0.2, is_long=True))["username"] == "local"


@pytest.mark.parametrize(
    ("encoding", "body"), [("gzip", gzip.compress(ME)), ("deflate", zlib.compress(ME))], ids=["gzip", "deflate"]
)
def test_a_compressed_answer_is_read_alike_over_both(ask: Ask, encoding: str, body: bytes) -> None:
    with plain_server(lambda _handler: (200, {"Content-Encoding": encoding}, body)) as server:
        assert ask(access_to(server.base_url), READ) == {"username": "plain"}


@pytest.mark.parametrize("is_packed", [False, True], ids=["as it is", "compressed"])
def test_an_answer_longer_than_any_of_apify_s_is_given_up(ask: Ask, is_packed: bool) -> None:
    """Whoever answers so has no end, or unpacks a megabyte to a gigabyte: the triggerer holds thousands of runs."""
    endless = ME + b" " * 5_000_000
    headers, body = ({"Content-Encoding": "gzip"}, gzip.compress(endless)) if is_packed else ({}, endless)
    with (
        plain_server(lambda _handler: (200, headers, body)) as server,
        pytest.raises(ApifyConnectionError, match="the answer is longer than any of Apify's"),
    ):
        ask(access_to(server.base_url), replace(READ, most=1_000_000))


def test_an_answer_nested_too_deep_is_no_answer(ask: Ask) -> None:
    with (
        plain_server(lambda _handler: (200, {}, b'{"data":' + b"[" * 100_000)) as server,
        pytest.raises(ApifyConnectionError, match="is not Apify's JSON"),
    ):
        ask(access_to(server.base_url), READ)


def test_an_error_nested_too_deep_is_still_that_error(ask: Ask) -> None:
    with (
        plain_server(lambda _handler: (500, {}, b'{"error":' + b"[" * 100_000)) as server,
        pytest.raises(ApifyServerError, match="HTTP 500"),
    ):
        ask(access_to(server.base_url), READ)


def test_a_compressed_answer_that_is_none_is_no_answer(ask: Ask) -> None:
    with (
        plain_server(lambda _handler: (200, {"Content-Encoding": "gzip"}, ME)) as server,
        pytest.raises(ApifyConnectionError, match="no answer from"),
    ):
        ask(access_to(server.base_url), READ)
