"""Runs that are waited for in one request, and runs of saved tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.local_apify.client import WAIT

if TYPE_CHECKING:
    from local_apify import LocalApify
    from tests.local_apify.client import Client


def test_running_synchronously_answers_with_the_output_or_the_items(client: Client) -> None:
    hello = "/v2/actors/apify~hello-world"
    output = client.send("POST", f"{hello}/run-sync", json={"message": "hi"})
    assert (output.status_code, output.json()) == (201, {"message": "hi"})
    items = client.send(
        "POST", f"{hello}/run-sync-get-dataset-items", json={"message": "hi"}, params={"format": "jsonl"}
    )
    assert (items.status_code, items.text) == (201, '{"message":"hi"}\n')


def test_a_synchronous_run_without_output_is_answered_with_nothing_or_as_before_with_an_error(
    client: Client, local_apify: LocalApify
) -> None:
    sync = "/v2/actors/apify~scenario/run-sync"
    nothing = client.send("POST", sync, json={})
    assert (nothing.status_code, nothing.content) == (201, b"")
    local_apify.control.settings(sync_without_output_status=404)
    assert client.error("POST", sync, json={}) == (404, "record-not-found")


def test_running_synchronously_fails_when_the_run_does_or_takes_too_long(
    client: Client, local_apify: LocalApify
) -> None:
    sync = "/v2/actors/apify~scenario/run-sync"
    assert client.error("POST", sync, json={"endAs": "FAILED"}) == (400, "run-failed")
    local_apify.control.settings(sync_wait_seconds=0.05)
    assert client.error("POST", sync, json={"durationSecs": 60}) == (408, "run-timeout-exceeded")
    assert local_apify.control.ledger().runs_going == 1


def test_a_saved_task_runs_with_its_input_and_options(client: Client, local_apify: LocalApify) -> None:
    local_apify.add_task("three", "apify/scenario", {"items": 3, "itemBytes": 200}, {"memoryMbytes": 512})
    run = client.data("POST", "/v2/actor-tasks/local~three/runs", params=WAIT)
    assert (run["options"]["memoryMbytes"], run["actorTaskId"] is not None) == (512, True)
    assert len(client.send("GET", f"/v2/datasets/{run['defaultDatasetId']}/items").json()) == 3


def test_the_input_of_a_task_run_goes_on_top_of_the_saved_one(client: Client, local_apify: LocalApify) -> None:
    local_apify.add_task("three", "apify/scenario", {"items": 3, "itemBytes": 200})
    run = client.data("POST", "/v2/actor-tasks/local~three/runs", json={"items": 1}, params=WAIT)
    saved = client.send("GET", f"/v2/actor-runs/{run['id']}/key-value-store/records/INPUT")
    assert saved.json() == {"items": 1, "itemBytes": 200}
