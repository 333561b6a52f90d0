"""Limits that can be switched on: rates, retention, the length of bodies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from airflow_provider_apify.hooks.apify import ApifyHook
from local_apify.world.rates import Rates, rate_of
from tests.local_apify.client import SCENARIO, until

if TYPE_CHECKING:
    from local_apify import LocalApify
    from tests.local_apify.client import Client


def test_a_resource_takes_so_many_requests_a_second_and_others_go_on(client: Client, local_apify: LocalApify) -> None:
    one, other = (f"/v2/datasets/{client.data('POST', '/v2/datasets')['id']}" for _ in range(2))
    local_apify.control.settings(rate_limit_share=0.0001)
    assert client.send("GET", one).ok
    answer = client.send("GET", one)
    assert (answer.status_code, answer.json()["error"]["type"]) == (429, "rate-limit-exceeded")
    assert answer.headers["X-RateLimit-Limit"] == "60"
    assert client.send("GET", other).ok
    local_apify.control.settings(rate_limit_share=None)
    assert client.send("GET", one).ok


def test_room_for_requests_comes_back_with_time() -> None:
    moment = 0.0
    rates = Rates(lambda: moment)
    assert [rates.take("/v2/datasets/a", 2, share=1) for _ in range(3)] == [True, True, False]
    moment = 0.5
    assert [rates.take("/v2/datasets/a/items", 2, share=1) for _ in range(2)] == [True, False]
    moment = 60.0
    assert [rates.take("/v2/datasets/a", 2, share=1) for _ in range(3)] == [True, True, False]


@pytest.mark.parametrize(
    ("method", "template", "rate"),
    [
        ("GET", "/v2/actor-runs/{runId}", 60),
        ("PUT", "/v2/key-value-stores/{storeId}/records/{recordKey}", 200),
        ("POST", "/v2/datasets/{datasetId}/items", 400),
        ("POST", "/v2/actors/{actorId}/runs", 400),
        ("GET", "/v2/datasets/{datasetId}/items", 60),
    ],
)
def test_starts_pushes_and_records_have_higher_rates(method: str, template: str, rate: int) -> None:
    assert rate_of(method, template) == rate


def test_the_hook_waits_where_there_are_too_many_requests(apify: LocalApify, client: Client) -> None:
    dataset = client.data("POST", "/v2/datasets")["id"]
    apify.control.settings(rate_limit_share=1 / 60)
    hook = ApifyHook()
    assert [hook.get_dataset(dataset).id for _ in range(2)] == [dataset] * 2


def _ids(client: Client) -> list[str]:
    return [each["id"] for each in client.data("GET", "/v2/datasets", params={"unnamed": 1})["items"]]


def test_a_storage_that_is_read_again_and_again_is_not_deleted(client: Client, local_apify: LocalApify) -> None:
    read, unread = (client.data("POST", "/v2/datasets")["id"] for _ in range(2))
    local_apify.control.settings(retention_seconds=0.5)
    until(lambda: client.data("GET", f"/v2/datasets/{read}/statistics") and unread not in _ids(client))
    assert client.send("GET", f"/v2/datasets/{read}").ok


def test_the_storages_of_a_run_are_kept_for_as_long_after_its_end(client: Client, local_apify: LocalApify) -> None:
    local_apify.control.settings(retention_seconds=1.5)
    run = client.start({"durationSecs": 2})
    client.wait(run["id"])
    assert run["defaultDatasetId"] in _ids(client)


def test_unnamed_storages_that_nobody_uses_are_deleted_and_named_ones_stay(
    client: Client, local_apify: LocalApify
) -> None:
    going = client.start({"durationSecs": 60})
    named = client.data("POST", "/v2/datasets", params={"name": "kept"})["id"]
    unnamed = client.data("POST", "/v2/datasets")["id"]
    local_apify.control.settings(retention_seconds=0.05)
    until(lambda: unnamed not in _ids(client))
    assert client.error("GET", f"/v2/datasets/{unnamed}/items") == (404, "record-not-found")
    assert client.send("GET", f"/v2/datasets/{named}").ok
    assert client.send("GET", f"/v2/datasets/{going['defaultDatasetId']}").ok


@pytest.mark.parametrize(
    ("setting", "method", "path"),
    [
        ("max_body_bytes", "POST", SCENARIO),
        ("max_push_bytes", "POST", "/v2/datasets/local~d/items"),
        ("max_record_bytes", "PUT", "/v2/key-value-stores/local~s/records/A"),
    ],
)
def test_bodies_may_be_as_long_as_the_settings_say(
    client: Client, local_apify: LocalApify, setting: str, method: str, path: str
) -> None:
    client.data("POST", "/v2/datasets", params={"name": "d"})
    client.data("POST", "/v2/key-value-stores", params={"name": "s"})
    local_apify.control.settings(**{setting: 30})
    assert client.send(method, path, json={"exitMessage": "x" * 10}).ok
    assert client.error(method, path, json={"exitMessage": "x" * 20}) == (413, "request-too-large")
