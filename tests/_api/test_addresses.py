"""Proxies of the environment, over both transports: used alike, and told at once where they cannot be."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from airflow_provider_apify._api import account, transports
from airflow_provider_apify._api.runs import endpoints
from airflow_provider_apify.exceptions import ApifyAddressError
from airflow_provider_apify.options import RunOptions, Target
from tests._api.asking import Ask, access_to, ask_with_aiohttp, ask_with_requests
from tests._api.plain_server import forward, plain_server

START = endpoints.start_run(Target("actor", "apify/scenario"), b"{}", RunOptions())
READ = account.get_me()


@pytest.fixture(autouse=True)
def _no_proxy_kept() -> None:
    """Forget what earlier tests have found in the environment."""
    transports._proxy.cache_clear()


@pytest.mark.parametrize("form", ["{}", "//{}", "http://{}", "HTTP://{}"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_proxy_may_be_written_without_its_scheme(
    ask: Ask, form: str, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with plain_server(forward) as proxy, plain_server() as server:
        monkeypatch.setenv("http_proxy", form.format(proxy.base_url.split("//")[1].replace("127.0.0.1", host)))
        assert ask(access_to(server.base_url), READ) == {"username": "plain"}
    assert proxy.targets == [f"{server.base_url}/v2/users/me"]


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ("http://proxy:3128\n", "it holds a space or a line break"),
        ("http://proxy:port", "its host or port cannot be read"),
        ("proxy:99999", "its host or port cannot be read"),
        ("http://", "it has no host"),
        ("ftp://proxy:21", "it does not begin with http://"),
    ],
)
@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"])
def test_a_proxy_that_cannot_be_used_fails_at_once_and_its_variable_is_named(
    ask: Ask, name: str, value: str, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with plain_server() as server, pytest.raises(ApifyAddressError, match=rf"^{name} of the environment") as caught:
        ask(access_to(server.base_url), START)
    assert server.targets == []
    assert fault in str(caught.value)
    assert "Write it like http://proxy.example.com:3128, or name the host in NO_PROXY" in str(caught.value)


def test_the_variable_that_serves_is_named_where_there_are_several(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("ALL_PROXY", "http://a:b"), ("HTTP_PROXY", "http://b:c"), ("http_proxy", "http://c:d")):
        monkeypatch.setenv(name, value)
    with pytest.raises(ApifyAddressError, match=r"^http_proxy of the environment"):
        ask(access_to("http://apify.invalid"), START)


def test_the_error_shows_no_password_of_a_proxy(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://me:hidden@proxy:port")
    with pytest.raises(ApifyAddressError) as caught:
        ask(access_to("http://apify.invalid"), START)
    assert "hidden" not in f"{caught.value}{caught.value.__cause__}{caught.value.__context__}"


def test_a_proxy_that_cannot_be_used_harms_nobody_who_does_without(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy:port")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with plain_server() as server:
        assert ask(access_to(server.base_url), READ) == {"username": "plain"}


@pytest.mark.skipif(find_spec("socks") is not None, reason="PySocks is installed")
def test_a_socks_proxy_without_pysocks_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1080")
    with pytest.raises(ApifyAddressError, match=r"ALL_PROXY of the environment.*needs the package PySocks"):
        ask_with_requests(access_to("http://apify.invalid"), START)


def test_a_socks_proxy_is_refused_in_the_triggerer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1080")
    with pytest.raises(ApifyAddressError, match=r"ALL_PROXY of the environment.*the triggerer speaks no SOCKS"):
        ask_with_aiohttp(access_to("http://apify.invalid"), START)
