"""Web Fetch, asked without the hook."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.local_apify.client import Client

PATH = "/web-fetch/"


def test_an_answer_has_what_was_asked_for_and_no_more(client: Client) -> None:
    url = f"{client.apify.base_url}/shop/"
    answer = client.send("POST", PATH, json={"url": url, "formats": ["text", "links"]}).json()

    assert answer.keys() == {"url", "fetch", "metadata", "text", "links"}
    assert answer["url"] == url
    assert answer["fetch"].keys() == {"loadedUrl", "loadedTime", "httpStatusCode", "contentLengthBytes", "contentType"}
    assert answer["metadata"]["languageCode"] == "en"


def test_a_format_that_does_not_apply_is_null_where_another_does(client: Client) -> None:
    body = {"url": f"{client.apify.base_url}/v2/store", "formats": ["raw", "links", "html"]}
    answer = client.send("POST", PATH, json=body).json()

    assert answer["raw"].startswith('{"data"')
    assert answer["links"] is answer["html"] is None


def test_bytes_that_are_no_text_come_in_base64(client: Client) -> None:
    store = client.data("POST", "/v2/key-value-stores", params={"name": "images"})["id"]
    record = f"/v2/key-value-stores/{store}/records/LOGO"
    client.send("PUT", record, data=b"\x89PNG\xff", headers={"Content-Type": "image/png"})
    body = {"url": client.apify.base_url + record, "headers": client.authorization}
    answer = client.send("POST", PATH, json=body).json()

    assert base64.b64decode(answer["raw"]) == b"\x89PNG\xff"


@pytest.mark.parametrize("body", [{}, {"url": "nothing"}, {"url": "http://127.0.0.1/", "formats": ["pdf"]}], ids=str)
def test_a_wrong_request_is_refused_in_web_fetch_s_own_words(client: Client, body: dict[str, Any]) -> None:
    answer = client.send("POST", PATH, json=body)

    assert answer.status_code == 400
    assert answer.json().keys() == {"code", "error"}


def test_without_a_token_the_platform_answers(client: Client) -> None:
    assert client.error("POST", PATH, json={}, token=None) == (401, "token-not-provided")


@pytest.mark.parametrize(
    "wrong",
    [
        {"formats": [[1]]},
        {"url": "http://[x"},
        {"url": "http://a..b/"},
        {"url": "http://"},
        {"url": "http://127.0.0.1:x/"},
        {"headers": {"a": 1}},
        {"headers": {"a": "b\r\nc: d"}},
    ],
    ids=str,
)
def test_what_cannot_be_fetched_at_all_is_the_clients_mistake(client: Client, wrong: dict[str, Any]) -> None:
    answer = client.send("POST", PATH, json={"url": f"{client.apify.base_url}/shop/", **wrong})
    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_INPUT")
