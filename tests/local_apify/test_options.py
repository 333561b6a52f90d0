"""Starting runs with wrong options or input: refused with Apify's errors, and nothing is started."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest

from local_apify import ActorContext, LocalApify, actor
from tests.local_apify.client import SCENARIO, Client

if TYPE_CHECKING:
    from collections.abc import Iterator

NINE_MIB = 9 * 1024 * 1024


@pytest.fixture(autouse=True)
def _nothing_was_started(local_apify: LocalApify) -> Iterator[None]:
    yield
    assert local_apify.control.ledger().runs_started == 0


def _base64(value: Any) -> str:
    return base64.b64encode(json.dumps(value).encode()).decode()


@pytest.mark.parametrize(
    ("params", "error_type"),
    [
        ({"build": "nightly"}, "unknown-build-tag"),
        ({"memory": 1000}, "invalid-parameter"),
        ({"memory": 64}, "invalid-parameter"),
        ({"memory": 65536}, "invalid-parameter"),
        ({"memory": "much"}, "invalid-parameter"),
        ({"timeout": -1}, "invalid-parameter"),
        ({"timeout": "nan"}, "invalid-parameter"),
        ({"maxItems": 0}, "max-items-must-be-greater-than-zero"),
        ({"maxItems": -5}, "max-items-must-be-greater-than-zero"),
        ({"maxTotalChargeUsd": 0}, "max-total-charge-usd-must-be-greater-than-zero"),
        ({"maxTotalChargeUsd": 0.001}, "max-total-charge-usd-below-minimum"),
        ({"restartOnError": "maybe"}, "invalid-parameter"),
        ({"forcePermissionLevel": "ROOT"}, "invalid-parameter"),
        ({"waitForFinish": -1}, "invalid-parameter"),
        ({"webhooks": "%%%"}, "invalid-parameter"),
        ({"webhooks": _base64({"not": "a list"})}, "invalid-parameter"),
        ({"webhooks": _base64([{"requestUrl": "http://localhost"}])}, "invalid-input"),
        ({"webhooks": _base64([{"requestUrl": "ftp://x", "eventTypes": []}])}, "invalid-input"),
        ({"webhooks": _base64([{"requestUrl": "http://x", "eventTypes": ["NO"]}])}, "invalid-input"),
        ({"webhooks": _base64(["none"])}, "invalid-input"),
    ],
)
def test_a_wrong_option_is_refused(client: Client, params: dict[str, Any], error_type: str) -> None:
    assert client.error("POST", SCENARIO, json={}, params=params) == (400, error_type)


@pytest.mark.parametrize(
    ("body", "error_type"),
    [
        (b"{", "run-input-body-not-valid-json"),
        (b'{"a": NaN}', "run-input-body-not-valid-json"),
        (b"\xff", "run-input-body-not-valid-json"),
        (b"[1]", "input-json-not-object"),
        (b'"text"', "input-json-not-object"),
    ],
)
def test_an_input_that_is_no_json_object_is_refused(client: Client, body: bytes, error_type: str) -> None:
    headers = {"Content-Type": "application/json"}
    assert client.error("POST", SCENARIO, data=body, headers=headers) == (400, error_type)


def test_an_input_over_9_mib_is_refused(client: Client) -> None:
    body = b'{"a": "' + b"x" * NINE_MIB + b'"}'
    assert client.error("POST", SCENARIO, data=body) == (413, "request-too-large")


def test_an_unknown_content_encoding_is_refused(client: Client) -> None:
    headers = {"Content-Encoding": "bla"}
    assert client.error("POST", SCENARIO, data=b"{}", headers=headers) == (415, "unsupported-content-encoding")
    headers = {"Content-Encoding": "gzip"}
    assert client.error("POST", SCENARIO, data=b"{}", headers=headers) == (400, "invalid-input")


def test_an_unknown_actor_or_task_is_refused(client: Client) -> None:
    assert client.error("POST", "/v2/actors/nobody~nothing/runs") == (404, "record-not-found")
    assert client.error("POST", "/v2/actor-tasks/local~nothing/runs") == (404, "record-not-found")


def test_a_full_account_is_refused(client: Client, local_apify: LocalApify) -> None:
    local_apify.control.settings(max_memory_mbytes=128)
    assert client.error("POST", SCENARIO) == (402, "actor-memory-limit-exceeded")
    local_apify.control.settings(max_memory_mbytes=1024, max_concurrent_runs=0)
    assert client.error("POST", SCENARIO) == (402, "concurrent-runs-limit-exceeded")


def test_an_actor_that_needs_full_permissions_must_be_approved_first() -> None:
    @actor("me/powerful", needs_full_permission=True)
    async def powerful(context: ActorContext) -> None:
        context.log("All of it.")

    with LocalApify(actors=[powerful]) as apify, Client(apify).session as session:
        url, headers = f"{apify.base_url}/v2/actors/me~powerful/runs", {"Authorization": f"Bearer {apify.token}"}
        refused = session.post(url, headers=headers)
        assert refused.status_code == 403
        assert refused.json()["error"]["type"] == "full-permission-actor-not-approved"
        assert refused.json()["error"]["data"]["approvalUrl"].startswith("https://")
        assert session.post(f"{url}?forcePermissionLevel=LIMITED_PERMISSIONS", headers=headers).status_code == 201
