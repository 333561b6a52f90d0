"""Web Fetch, at the local Apify, which really fetches."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest

from airflow_provider_apify.exceptions import (
    ApifyAddressError,
    ApifyApiError,
    ApifyAuthError,
    ApifyConnectionError,
    ApifyRateLimitError,
    ApifyServerError,
    ApifyWebFetchError,
)
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.options import RetryPolicy
from local_apify import LocalApify, shop_pages
from local_apify.actors import BUILT_IN

FETCH = "POST /web-fetch/"
PATH = "/web-fetch/"


def connect(monkeypatch: pytest.MonkeyPatch, apify: LocalApify, **values: Any) -> ApifyHook:
    """Return a hook whose connection has Web Fetch at the local Apify."""
    connection = {
        "conn_type": "apify",
        "host": apify.base_url,
        "password": apify.token,
        "extra": {"web_fetch_url": apify.web_fetch_url},
    }
    monkeypatch.setenv("AIRFLOW_CONN_FETCHING", json.dumps(connection | values))
    return ApifyHook("fetching", retry=RetryPolicy(attempts=3, first_delay=0.001, max_delay=0.002))


@pytest.fixture
def hook(apify: LocalApify, monkeypatch: pytest.MonkeyPatch) -> ApifyHook:
    return connect(monkeypatch, apify)


def test_one_page_comes_as_markdown_in_one_request(hook: ApifyHook, apify: LocalApify) -> None:
    page = hook.web_fetch(f"{apify.base_url}/shop/")

    assert page.http_status == 200
    assert page.content_type == "text/html; charset=utf-8"
    assert page.loaded_url == f"{apify.base_url}/shop/"
    assert page.title
    assert (page.markdown or "").startswith(f"# {page.title}\n")
    assert (page.html, page.text, page.links, page.body) == (None, None, None, None)
    assert page.loaded_at is not None
    assert apify.control.ledger().requests[FETCH] == 1


def test_a_page_comes_in_all_formats_that_are_asked_for(hook: ApifyHook, apify: LocalApify) -> None:
    page = hook.web_fetch(f"{apify.base_url}/shop/", formats=["html", "text", "links", "raw"])

    (front,) = (each for each in shop_pages() if each.path == "/shop/")
    assert page.body == page.html == front.html.decode()
    assert page.markdown is None
    assert page.title
    assert all(link.startswith(f"{apify.base_url}/shop/") for link in page.links or ())
    assert page.metadata["headers"]["content-type"] == page.content_type


def test_without_formats_the_type_of_the_content_decides(hook: ApifyHook, apify: LocalApify) -> None:
    page = hook.web_fetch(f"{apify.base_url}/v2/store", formats=None)

    assert json.loads(page.markdown or "")["data"]["count"] == len(BUILT_IN)


def test_a_page_that_its_site_does_not_have_is_no_error(hook: ApifyHook, apify: LocalApify) -> None:
    assert hook.web_fetch(f"{apify.base_url}/shop/nothing").http_status == 404


def test_headers_reach_the_site(hook: ApifyHook, apify: LocalApify) -> None:
    headers = {"Authorization": f"Bearer {apify.token}"}
    page = hook.web_fetch(f"{apify.base_url}/v2/users/me", formats=["raw"], headers=headers)

    assert json.loads(page.body or "")["data"]["username"] == "local"
    assert hook.web_fetch(f"{apify.base_url}/v2/users/me").http_status == 401


def test_a_site_that_is_down_is_an_error_that_is_not_asked_for_again_and_names_no_secret(
    hook: ApifyHook, apify: LocalApify
) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}/a?key=secret"
        with pytest.raises(
            ApifyWebFetchError, match=r"Web Fetch of http://127\.0\.0\.1/a: HTTP 502 UPSTREAM"
        ) as caught:
            hook.web_fetch(url)

    assert caught.value.retryable
    assert "secret" not in str(caught.value)
    assert apify.control.ledger().requests[FETCH] == 1


def test_content_that_fits_no_format_is_an_error_for_good(hook: ApifyHook, apify: LocalApify) -> None:
    with pytest.raises(ApifyApiError, match="UNSUPPORTED_CONTENT_TYPE: Cannot convert content type") as caught:
        hook.web_fetch(f"{apify.base_url}/v2/store", formats=["links"])

    assert not caught.value.retryable
    assert (caught.value.http_status, caught.value.error_type) == (415, "UNSUPPORTED_CONTENT_TYPE")


@pytest.mark.parametrize(
    ("status", "error_type", "kind"),
    [
        (504, "FETCH_TIMEOUT", ApifyWebFetchError),
        (503, "no-type-of-apify", ApifyServerError),
        (429, "rate-limit-exceeded", ApifyRateLimitError),
        (402, "x402-payment-required", ApifyApiError),
    ],
)
def test_each_failure_is_its_own_error(
    hook: ApifyHook, apify: LocalApify, status: int, error_type: str, kind: type[ApifyApiError]
) -> None:
    apify.control.add_fault("answer", path=PATH, status=status, error_type=error_type, times=None)

    with pytest.raises(kind) as caught:
        hook.web_fetch(f"{apify.base_url}/shop/")
    assert type(caught.value) is kind


def test_what_fetched_nothing_is_gone_through(hook: ApifyHook, apify: LocalApify) -> None:
    apify.control.add_fault("answer", path=PATH, status=429, error_type="rate-limit-exceeded")

    assert hook.web_fetch(f"{apify.base_url}/shop/").http_status == 200
    assert apify.control.ledger().requests[FETCH] == 2


@pytest.mark.parametrize("fault", ["answer", "answer-after-commit", "cut-after-commit", "cut-body", "garbage"])
def test_what_may_have_fetched_the_page_is_not_paid_for_again(hook: ApifyHook, apify: LocalApify, fault: str) -> None:
    apify.control.add_fault(fault, path=PATH, status=503, after_bytes=20)

    with pytest.raises((ApifyServerError, ApifyConnectionError)) as caught:
        hook.web_fetch(f"{apify.base_url}/shop/")
    assert caught.value.retryable
    assert apify.control.ledger().requests[FETCH] == 1


def test_an_address_where_nobody_speaks_web_fetch_is_an_error(hook: ApifyHook, apify: LocalApify) -> None:
    apify.control.add_fault("garbage", path=PATH, times=None)

    with pytest.raises(ApifyConnectionError, match="not Apify's JSON; check web_fetch_url in the connection's extra"):
        hook.web_fetch(f"{apify.base_url}/shop/")


def test_a_wrong_token_is_an_error_of_the_platform(monkeypatch: pytest.MonkeyPatch, apify: LocalApify) -> None:
    with pytest.raises(ApifyAuthError, match="HTTP 401 user-or-token-not-found"):
        connect(monkeypatch, apify, password="apify_api_of_nobody").web_fetch(f"{apify.base_url}/shop/")


def test_the_address_stands_in_the_environment_too(monkeypatch: pytest.MonkeyPatch, apify: LocalApify) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_APIFY_DEFAULT")
    monkeypatch.setenv("APIFY_TOKEN", apify.token)
    monkeypatch.setenv("APIFY_WEB_FETCH_URL", apify.web_fetch_url)

    assert ApifyHook().web_fetch(f"{apify.base_url}/shop/").http_status == 200


@pytest.mark.parametrize("host", ["", "api.apify.com", "https://api.apify.com/v2", "HTTPS://API.APIFY.COM:443"])
def test_apify_s_own_address_is_the_default_where_the_host_is_apify_s(
    apify: LocalApify, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    found = connect(monkeypatch, apify, host=host, extra={})._connection
    assert found.web_fetch_url == "https://web-fetch.apify.actor"


def test_the_token_of_another_host_is_not_sent_to_apify_unasked(
    apify: LocalApify, monkeypatch: pytest.MonkeyPatch
) -> None:
    for host in (apify.base_url, "https://api.apify.com.example.com"):
        with pytest.raises(ValueError, match=r"'fetching' is not Apify's.*\"web_fetch_url\": \"https://web-fetch"):
            connect(monkeypatch, apify, host=host, extra={}).web_fetch("https://example.com")


def test_the_token_of_another_host_in_the_environment_is_not_sent_to_apify_either(
    apify: LocalApify, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_APIFY_DEFAULT")
    monkeypatch.setenv("APIFY_TOKEN", apify.token)
    monkeypatch.setenv("APIFY_API_BASE_URL", apify.base_url)
    with pytest.raises(ValueError, match="or in APIFY_WEB_FETCH_URL"):
        ApifyHook().web_fetch("https://example.com")


def test_an_address_of_web_fetch_that_is_none_is_refused(apify: LocalApify, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ApifyAddressError, match="web_fetch_url in the extra"):
        connect(monkeypatch, apify, extra={"web_fetch_url": "elsewhere"}).web_fetch("https://example.com")


@pytest.mark.parametrize(
    ("url", "formats", "words"),
    [
        ("ftp://example.com", None, "url must be an http or https URL"),
        ("https://", None, "url must be an http or https URL"),
        ("https://example.com", ["pdf"], "formats must be a list of some of markdown, html, text, links, raw"),
        ("https://example.com", "html", "formats must be a list"),
    ],
)
def test_wrong_arguments_are_refused_before_anything_is_sent(
    hook: ApifyHook, url: str, formats: Any, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        hook.web_fetch(url, formats=formats)
