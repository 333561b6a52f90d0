"""Signed URLs, as the official client makes them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from apify_client import ApifyClient

if TYPE_CHECKING:
    from tests.local_apify.client import Client

STORE = "/v2/key-value-stores/notes"


@pytest.fixture
def official(client: Client) -> ApifyClient:
    client.data("POST", "/v2/key-value-stores", params={"name": "notes"})
    client.send("PUT", f"{STORE}/records/A", data=b"open")
    return ApifyClient(client.apify.token, api_url=client.apify.base_url, api_public_url=client.apify.base_url)


def _answer(client: Client, url: str) -> int:
    return client.send("GET", url.replace(client.apify.base_url, ""), token=None).status_code


def test_the_url_of_a_record_opens_that_record_only(client: Client, official: ApifyClient) -> None:
    client.send("PUT", f"{STORE}/records/B", data=b"closed")
    url = official.key_value_store("notes").get_record_public_url("A")
    assert _answer(client, url) == 200
    assert _answer(client, url.replace("/A?", "/B?")) == 401
    (first, _) = client.data("GET", f"{STORE}/keys")["items"]
    assert _answer(client, first["recordPublicUrl"]) == 200


def test_the_url_of_the_keys_opens_them_until_it_expires(client: Client, official: ApifyClient) -> None:
    store = official.key_value_store("notes")
    assert _answer(client, store.create_keys_public_url()) == 200
    assert _answer(client, store.create_keys_public_url(expires_in=timedelta(hours=1))) == 200
    assert _answer(client, store.create_keys_public_url(expires_in=timedelta(hours=-1))) == 401
    assert _answer(client, client.data("GET", STORE)["keysPublicUrl"]) == 200


@pytest.mark.parametrize("signature", ["x", "MC4wLng=", "%F0%9F%A6%8A", "MC54Lng="])
def test_a_made_up_signature_opens_nothing(client: Client, official: ApifyClient, signature: str) -> None:
    assert official.key_value_store("notes").get() is not None
    for path in (f"{STORE}/records/A", f"{STORE}/keys"):
        error = client.error("GET", f"{path}?signature={signature}", token=None)
        assert error == (401, "invalid-signature")
