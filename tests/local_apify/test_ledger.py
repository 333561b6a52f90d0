"""The ledger: what happened, whatever the client saw of it."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from local_apify import Control
from tests.local_apify.client import SCENARIO

if TYPE_CHECKING:
    from local_apify import LocalApify
    from tests.local_apify.client import Client


def test_each_start_is_written_down_without_the_token(client: Client, local_apify: LocalApify) -> None:
    body = b'{"durationSecs": 60}'
    headers = {"User-Agent": "mine", "X-Own": "1"}
    run = client.data("POST", SCENARIO, data=body, headers=headers, params={"memory": 512})
    ledger = local_apify.control.ledger()
    entry = ledger.runs[0]
    assert (entry.run_id, entry.actor, entry.task) == (run["id"], "apify/scenario", None)
    assert (entry.user_agent, entry.headers["x-own"]) == ("mine", "1")
    assert entry.options["memoryMbytes"] == 512
    assert entry.input_sha256 == hashlib.sha256(body).hexdigest()
    assert local_apify.token not in repr(ledger)
    assert (ledger.runs_started, ledger.runs_going) == (1, 1)


def test_requests_are_counted_by_route_even_when_they_fail(client: Client, local_apify: LocalApify) -> None:
    client.send("GET", "/v2/users/me")
    client.send("GET", "/v2/users/me", token=None)
    client.send("GET", "/v2/actor-runs/nothing")
    local_apify.control.add_fault("answer", path="/v2/actor-runs")
    client.send("GET", "/v2/actor-runs")
    assert local_apify.control.ledger().requests_by_route == {
        "GET /v2/users/me": 2,
        "GET /v2/actor-runs/{runId}": 1,
        "GET /v2/actor-runs": 1,
    }


def test_delivered_items_are_counted_by_dataset(client: Client, local_apify: LocalApify) -> None:
    run = client.finish({"items": 5})
    path = f"/v2/datasets/{run['defaultDatasetId']}/items"
    client.send("GET", path, params={"limit": 3})
    client.send("GET", path)
    assert local_apify.control.ledger().items_delivered == {run["defaultDatasetId"]: 8}


def test_duplicates_are_runs_of_one_identity_that_nobody_aborted(client: Client, local_apify: LocalApify) -> None:
    runs = [
        client.data("POST", SCENARIO, json={"durationSecs": 60}, headers={"User-Agent": f"x start={identity}"})
        for identity in ("abc-1", "abc-2", "other-1", "abc-3")
    ]
    client.data("POST", f"/v2/actor-runs/{runs[0]['id']}/abort")
    ledger = local_apify.control.ledger()
    assert [run.run_id for run in ledger.of("start=abc-")] == [runs[0]["id"], runs[1]["id"], runs[3]["id"]]
    assert [run.run_id for run in ledger.duplicates("start=abc-")] == [runs[3]["id"]]
    assert ledger.duplicates("start=other-") == []


def test_a_slim_ledger_leaves_out_the_headers(client: Client, local_apify: LocalApify) -> None:
    client.start()
    assert local_apify.control.ledger(slim=True).runs[0].headers == {}
    assert local_apify.control.ledger().runs[0].headers


def test_a_reset_forgets_everything(client: Client, local_apify: LocalApify) -> None:
    client.start({"durationSecs": 60})
    local_apify.control.add_fault("answer")
    local_apify.control.settings(ready_seconds=9)
    local_apify.control.reset()
    ledger = local_apify.control.ledger()
    assert (ledger.runs_started, ledger.requests, local_apify.control.faults()) == (0, {}, [])
    assert local_apify.control.settings().ready_seconds < 1


def test_settings_can_be_changed_and_unknown_ones_are_refused(local_apify: LocalApify) -> None:
    control = Control(local_apify.base_url)
    assert control.settings(graceful_abort_seconds=5).graceful_abort_seconds == 5
    assert control.settings().graceful_abort_seconds == 5
    with pytest.raises(ValueError, match="speed"):
        control.settings(speed=11)


def test_an_actor_can_be_given_a_history(client: Client, local_apify: LocalApify) -> None:
    days = [datetime(2026, 1, day, tzinfo=UTC) for day in (1, 2, 3)]

    ids = local_apify.control.add_past_runs("apify/scenario", days, user_agent="earlier")

    listed = client.data("GET", SCENARIO, params={"startedAfter": "2026-01-02T00:00:00Z", "desc": 1})["items"]
    assert [(run["id"], run["status"]) for run in listed] == [(ids[2], "SUCCEEDED"), (ids[1], "SUCCEEDED")]
    assert client.data("GET", f"/v2/actor-runs/{ids[0]}")["meta"]["userAgent"] == "earlier"
    assert [run.run_id for run in local_apify.control.ledger().of("earlier")] == ids


def test_an_unknown_actor_gets_no_history(local_apify: LocalApify) -> None:
    with pytest.raises(ValueError, match="Actor nobody~nothing was not found"):
        local_apify.control.add_past_runs("nobody/nothing", [])


def test_the_ledger_says_what_each_run_has_cost_and_all_of_them(client: Client, local_apify: LocalApify) -> None:
    local_apify.control.settings(cost_settles_seconds=0)
    runs = [client.finish({"chargedEvents": {"page": count}}) for count in (2, 3)]
    ledger = local_apify.control.ledger()
    assert [run.usage_total_usd for run in ledger.runs] == [run["usageTotalUsd"] for run in runs]
    assert 0.05 <= ledger.usage_total_usd < 0.06
    client.send("DELETE", f"/v2/actor-runs/{runs[0]['id']}")
    assert local_apify.control.ledger().usage_total_usd == ledger.usage_total_usd
