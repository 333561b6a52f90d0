"""The control of the server says what to give it, whatever it is given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.local_apify.client import SCENARIO

if TYPE_CHECKING:
    from local_apify import LocalApify
    from tests.local_apify.client import Client

PAST = {"actor": "apify~scenario", "started": ["2024-01-01T00:00:00+00:00"], "user_agent": None}


def _refused(client: Client, method: str, path: str, body: Any) -> str:
    answer = client.send(method, f"/control/{path}", json=body)
    assert answer.status_code == 400, answer.text
    return str(answer.json()["error"])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ready_seconds": "soon"}, 'The setting "ready_seconds" must be of the type float.'),
        ({"ready_seconds": None}, 'The setting "ready_seconds" must be of the type float.'),
        ({"ready_seconds": -1}, 'The setting "ready_seconds" must be from 0 to 1000000000.'),
        ({"retention_seconds": 1e300}, 'The setting "retention_seconds" must be from 0 to 1000000000.'),
        ({"max_concurrent_runs": True}, 'The setting "max_concurrent_runs" must be of the type int.'),
        ({"max_concurrent_runs": 1.5}, 'The setting "max_concurrent_runs" must be of the type int.'),
        ({"sync_without_output_status": 500}, "must be of the type Literal[201, 404]."),
        ({"console_url": "\ud800"}, 'The setting "console_url" must be of the type str.'),
        ({"colour": 1}, "There is no setting named colour."),
        ([1], "Give an object"),
        (5, "Give an object"),
    ],
    ids=str,
)
def test_a_setting_that_cannot_be_is_refused(client: Client, changes: Any, words: str) -> None:
    assert words in _refused(client, "PATCH", "settings", changes)
    assert client.start()["status"] == "READY"


@pytest.mark.parametrize(
    "details",
    [
        {"action": "throttle", "bytes_per_second": 0},
        {"action": "answer", "status": 99},
        {"action": "answer", "status": 204},
        {"action": "answer", "status": "500"},
        {"action": "answer", "headers": {"A": "b\r\nC: d"}},
        {"action": "answer", "headers": {"A B": "c"}},
        {"action": "answer", "headers": {"A": 1}},
        {"action": "answer", "headers": ["A"]},
        {"action": "answer", "text": "\ud800"},
        {"action": "answer", "path": 5},
        {"action": "answer", "times": "always"},
        {"action": "answer", "probability": 2},
        {"action": "delay", "seconds": 1e300},
        {"action": ["delay"]},
        {},
        [],
        "delay",
    ],
    ids=str,
)
def test_a_fault_that_cannot_be_is_refused(client: Client, details: Any) -> None:
    assert _refused(client, "POST", "faults", details)
    assert client.start()["status"] == "READY"


@pytest.mark.parametrize("body", [{}, {"token": 5}, {"token": ""}, {"token": "a b"}, {"token": "é"}, [], None], ids=str)
def test_a_token_that_no_request_could_have_is_refused(client: Client, body: Any) -> None:
    assert _refused(client, "PUT", "token", body)
    assert client.send("GET", "/v2/users/me").ok


@pytest.mark.parametrize(
    "wrong",
    [
        {"actor": 5},
        {"actor": "apify~nothing"},
        {"started": "2024-01-01T00:00:00Z"},
        {"started": [5]},
        {"started": ["yesterday"]},
        {"started": ["2024-01-01"]},
        {"started": ["0001-01-01T00:00:00+23:59"]},
        {"user_agent": 5},
    ],
    ids=str,
)
def test_a_history_that_cannot_have_been_is_refused(client: Client, wrong: dict[str, Any]) -> None:
    assert _refused(client, "POST", "past-runs", PAST | wrong)
    assert client.data("GET", SCENARIO)["total"] == 0


def test_a_body_that_is_no_json_is_refused(client: Client) -> None:
    for method, path in (("PATCH", "settings"), ("POST", "faults"), ("PUT", "token"), ("POST", "past-runs")):
        assert client.send(method, f"/control/{path}", data=b"{").status_code == 400


def test_a_task_can_be_added_after_the_token_was_rotated(local_apify: LocalApify) -> None:
    local_apify.control.rotate_token("another")
    assert local_apify.add_task("mine", "apify/scenario")
