"""Faults: what a client sees, and what was done all the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import requests

from local_apify.api import sabotage, spoiling
from local_apify.world.faults import ACTIONS
from tests.local_apify.client import SCENARIO
from tools.lab import wait_until

if TYPE_CHECKING:
    from local_apify import LocalApify
    from tests.local_apify.client import Client

STARTS: dict[str, Any] = {"method": "POST", "path": "/v2/actors/*/runs"}
RETRY_AFTER = 7


def _started(local_apify: LocalApify) -> int:
    return local_apify.control.ledger().runs_started


def test_an_error_is_answered_and_nothing_is_done(client: Client, local_apify: LocalApify) -> None:
    local_apify.control.add_fault(
        "answer",
        **STARTS,
        status=429,
        error_type="rate-limit-exceeded",
        message="Slow down",
        headers={"Retry-After": str(RETRY_AFTER)},
    )
    answer = client.send("POST", SCENARIO)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")
    assert answer.json() == {"error": {"type": "rate-limit-exceeded", "message": "Slow down"}}
    assert _started(local_apify) == 0
    assert client.start()["status"] == "READY"


def test_an_error_can_be_answered_after_the_run_was_started(client: Client, local_apify: LocalApify) -> None:
    local_apify.control.add_fault("answer-after-commit", **STARTS, status=502)
    assert client.error("POST", SCENARIO) == (502, "internal-server-error")
    assert _started(local_apify) == 1


@pytest.mark.parametrize(("action", "started"), [("cut-before-commit", 0), ("cut-after-commit", 1)])
def test_a_connection_is_cut_without_a_byte(client: Client, local_apify: LocalApify, action: str, started: int) -> None:
    local_apify.control.add_fault(action, **STARTS)
    with pytest.raises(requests.ConnectionError):
        client.send("POST", SCENARIO, json={"items": 1})
    assert _started(local_apify) == started
    assert client.finish()["status"] == "SUCCEEDED"


def test_a_large_request_is_cut_without_being_read(client: Client, local_apify: LocalApify) -> None:
    local_apify.control.add_fault("cut-before-commit", **STARTS)
    with pytest.raises(requests.ConnectionError):
        client.send("POST", SCENARIO, data=b'{"a": "' + b"x" * 5_000_000 + b'"}')
    assert _started(local_apify) == 0


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
@pytest.mark.parametrize("path", ["/v2/users/me", "/v2/datasets/{defaultDatasetId}/items"])
def test_a_body_is_cut_in_the_middle(client: Client, local_apify: LocalApify, path: str, encoding: str) -> None:
    run = client.finish({"items": 2000})
    target = path.format(**run)
    local_apify.control.add_fault("cut-body", path=target, after_bytes=100)
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        client.send("GET", target, headers={"Accept-Encoding": encoding})
    assert client.send("GET", target).ok


def test_a_body_may_lose_nothing_but_its_end(client: Client, local_apify: LocalApify) -> None:
    target = "/v2/datasets/{defaultDatasetId}/items".format(**client.finish({"items": 10}))
    whole = client.send("GET", target, headers={"Accept-Encoding": "identity"}).content
    local_apify.control.add_fault("cut-body", path=target, after_bytes=len(whole))
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        client.send("GET", target, headers={"Accept-Encoding": "identity"})


def test_a_body_shorter_than_the_cut_arrives_whole(client: Client, local_apify: LocalApify) -> None:
    local_apify.control.add_fault("cut-body", path="/v2/users/me", after_bytes=1_000_000)
    assert client.data("GET", "/v2/users/me")["username"] == "local"


@pytest.mark.parametrize("path", ["/v2/users/me", "/v2/datasets/{defaultDatasetId}/items"])
def test_a_body_ends_early_and_no_client_can_tell(client: Client, local_apify: LocalApify, path: str) -> None:
    target = path.format(**client.finish({"items": 10}))
    whole = client.send("GET", target, headers={"Accept-Encoding": "identity"}).content
    local_apify.control.add_fault("end-body-early", path=target, after_bytes=100)
    answer = client.send("GET", target, headers={"Accept-Encoding": "identity"})
    assert (answer.status_code, answer.content) == (200, whole[:100])


def test_garbage_is_answered_after_the_work_was_done(client: Client, local_apify: LocalApify) -> None:
    local_apify.control.add_fault("garbage", **STARTS)
    answer = client.send("POST", SCENARIO)
    assert answer.status_code == 200
    with pytest.raises(ValueError, match="Expecting value"):
        answer.json()
    assert _started(local_apify) == 1


def test_a_delay_makes_an_impatient_client_give_up(client: Client, local_apify: LocalApify) -> None:
    local_apify.control.add_fault("delay", path="/v2/users/me", seconds=60)
    with pytest.raises(requests.Timeout):
        client.session.get(f"{local_apify.base_url}/v2/users/me", timeout=0.1)
    assert client.data("GET", "/v2/users/me")["username"] == "local"


def test_what_was_asked_for_is_done_though_the_client_has_gone(client: Client, local_apify: LocalApify) -> None:
    local_apify.control.add_fault("delay", **STARTS, seconds=0.3)
    with pytest.raises(requests.Timeout):
        client.session.post(f"{local_apify.base_url}{SCENARIO}", json={}, headers=client.authorization, timeout=0.1)
    assert _started(local_apify) == 0
    wait_until(lambda: _started(local_apify) == 1, "the run to be started", timeout=30)


def test_an_answer_is_held_back_after_the_run_was_started(client: Client, local_apify: LocalApify) -> None:
    local_apify.control.add_fault("delay-after-commit", **STARTS, seconds=60)
    with pytest.raises(requests.Timeout):
        client.session.post(f"{local_apify.base_url}{SCENARIO}", json={}, headers=client.authorization, timeout=0.5)
    assert _started(local_apify) == 1


def test_a_held_answer_arrives_whole(client: Client, local_apify: LocalApify) -> None:
    local_apify.control.add_fault("delay-after-commit", **STARTS, seconds=0.1)
    assert client.start()["status"] == "READY"


def test_a_throttled_body_arrives_whole(client: Client, local_apify: LocalApify) -> None:
    run = client.finish({"items": 100})
    path = f"/v2/datasets/{run['defaultDatasetId']}/items"
    whole = client.send("GET", path, headers={"Accept-Encoding": "identity"}).content
    local_apify.control.add_fault("throttle", path=path, bytes_per_second=200_000)
    assert client.send("GET", path, headers={"Accept-Encoding": "identity"}).content == whole


def test_lag_hides_young_runs(client: Client, local_apify: LocalApify) -> None:
    run = client.start()
    local_apify.control.add_fault("lag", path="/v2/actor-runs*", times=2, seconds=3600)
    assert client.error("GET", f"/v2/actor-runs/{run['id']}") == (404, "record-not-found")
    assert client.data("GET", "/v2/actor-runs")["items"] == []
    assert client.send("GET", f"/v2/actor-runs/{run['id']}").ok


def test_a_rule_can_let_some_pass_and_then_happen_a_few_times(client: Client, local_apify: LocalApify) -> None:
    local_apify.control.add_fault("answer", path="/v2/users/me", skip=2, times=2, status=503)
    statuses = [client.send("GET", "/v2/users/me").status_code for _ in range(6)]
    assert statuses == [200, 200, 503, 503, 200, 200]


def test_a_rule_happens_until_it_is_cleared(client: Client, local_apify: LocalApify) -> None:
    rule = local_apify.control.add_fault("answer", times=None, status=503)
    assert [client.send("GET", "/v2/users/me").status_code for _ in range(3)] == [503, 503, 503]
    assert [(fault["id"], fault["happened"]) for fault in local_apify.control.faults()] == [(rule, 3)]
    local_apify.control.clear_faults()
    assert client.send("GET", "/v2/users/me").ok


def test_chance_is_the_same_for_the_same_seed(client: Client, local_apify: LocalApify) -> None:
    def statuses() -> list[int]:
        local_apify.control.clear_faults()
        local_apify.control.add_fault("answer", times=None, probability=0.5, seed=42, status=503)
        return [client.send("GET", "/v2/users/me").status_code for _ in range(20)]

    first = statuses()
    assert set(first) == {200, 503}
    assert statuses() == first


def test_a_rule_concerns_only_its_method_and_path(client: Client, local_apify: LocalApify) -> None:
    local_apify.control.add_fault("answer", method="DELETE", path="/v2/datasets/*", times=None)
    client.data("POST", "/v2/datasets", params={"name": "mine"})
    assert client.send("GET", "/v2/datasets/mine").ok
    assert client.error("DELETE", "/v2/datasets/mine") == (500, "internal-server-error")


def test_the_deprecated_spelling_of_a_path_meets_the_same_rules(client: Client, local_apify: LocalApify) -> None:
    local_apify.control.add_fault("answer", path="/v2/actors/*")
    assert client.error("POST", "/v2/acts/apify~scenario/runs") == (500, "internal-server-error")


@pytest.mark.parametrize(("action", "details"), [("explode", {}), ("answer", {"statuss": 500})])
def test_an_unknown_rule_is_refused(local_apify: LocalApify, action: str, details: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"explode|statuss"):
        local_apify.control.add_fault(action, **details)


def test_every_action_does_something() -> None:
    assert set(ACTIONS) == set(sabotage._ACTIONS) | set(spoiling.SPOILS) | {"lag", "expire-token"}
