"""The official client, as the hook hands it out."""

from __future__ import annotations

import sys

import pytest

from airflow_provider_apify.hooks.apify import ApifyHook
from local_apify import Exchange, LocalApify


@pytest.fixture
def exchanges(apify: LocalApify) -> list[Exchange]:
    recorded: list[Exchange] = []
    apify.on_exchange = recorded.append
    return recorded


def test_the_client_is_that_of_the_connection_and_says_where_it_runs(
    apify: LocalApify, exchanges: list[Exchange]
) -> None:
    client = ApifyHook().get_client(max_retries=1)
    run = client.actor("apify/hello-world").call(logger=None)
    assert run is not None
    items = client.dataset(run.default_dataset_id).list_items().items

    assert items == [{"message": "Hello World!"}]
    assert apify.control.ledger().runs_started == 1
    for exchange in exchanges:
        assert exchange.request_headers["x-apify-integration-platform"] == "airflow"
        assert exchange.request_headers["authorization"] == f"Bearer {apify.token}"
        assert apify.token not in f"{exchange.path}?{exchange.query}"
        assert exchange.request_headers["user-agent"].startswith("ApifyClient/")


async def test_the_asynchronous_client_is_the_same(apify: LocalApify, exchanges: list[Exchange]) -> None:
    client = await ApifyHook().get_async_client()
    user = await client.user().get()

    assert user is not None
    assert exchanges[0].request_headers["x-apify-integration-platform"] == "airflow"
    assert exchanges[0].request_headers["authorization"] == f"Bearer {apify.token}"


def test_without_the_extra_the_error_says_what_to_install(
    apify: LocalApify,  # noqa: ARG001 - where the connection leads
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "apify_client", None)
    with pytest.raises(ValueError, match=r"pip install 'airflow-provider-apify\[apify-client\]'"):
        ApifyHook().get_client()
