"""Runs over HTTP: start, wait, list, abort, resurrect, and what they look like."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.local_apify.client import SCENARIO

if TYPE_CHECKING:
    from local_apify import LocalApify
    from tests.local_apify.client import Client


def test_a_run_goes_from_ready_to_succeeded(client: Client) -> None:
    run = client.start({"durationSecs": 0.05})
    assert (run["status"], run["finishedAt"], run["exitCode"]) == ("READY", None, None)
    done = client.wait(run["id"])
    assert (done["status"], done["exitCode"]) == ("SUCCEEDED", 0)
    assert done["finishedAt"] > done["startedAt"]
    assert done["stats"]["runTimeSecs"] >= 0.05


def test_identifiers_have_17_letters_and_digits(client: Client) -> None:
    run = client.start()
    for name in ("id", "actId", "userId", "buildId", "defaultDatasetId", "defaultKeyValueStoreId"):
        assert re.fullmatch(r"[A-Za-z0-9]{17}", run[name]), name


def test_a_run_remembers_the_user_agent_that_started_it(client: Client) -> None:
    run = client.data("POST", SCENARIO, json={}, headers={"User-Agent": "mine start=abc-1"})
    client.data("GET", f"/v2/actor-runs/{run['id']}", headers={"User-Agent": "another"})
    assert client.wait(run["id"])["meta"] == {
        "origin": "API",
        "clientIp": "127.0.0.1",
        "userAgent": "mine start=abc-1",
    }


def test_the_deprecated_spelling_of_actors_still_works(client: Client) -> None:
    run = client.data("POST", "/v2/acts/apify~scenario/runs", json={})
    assert client.data("GET", "/v2/acts/apify~scenario/runs")["items"][0]["id"] == run["id"]


def test_waiting_answers_when_the_run_ends_and_not_before(client: Client) -> None:
    assert client.start({"durationSecs": 0.3}, waitForFinish=60)["status"] == "SUCCEEDED"
    assert client.start({"durationSecs": 60}, waitForFinish=1)["status"] == "RUNNING"


def test_waiting_longer_than_a_minute_is_waiting_a_minute(client: Client) -> None:
    assert client.finish({"durationSecs": 0})["status"] == "SUCCEEDED"
    assert client.start({}, waitForFinish=999_999)["status"] == "SUCCEEDED"


@pytest.mark.parametrize(
    ("ending", "exit_code", "message"),
    [
        ("SUCCEEDED", 0, "Actor succeeded with exit code 0."),
        ("FAILED", 1, "Actor failed with exit code 1."),
        ("TIMED-OUT", None, "Actor timed out."),
        ("ABORTED", None, "Actor was aborted."),
    ],
)
def test_a_run_ends_as_its_scenario_says(client: Client, ending: str, exit_code: int | None, message: str) -> None:
    run = client.finish({"endAs": ending})
    assert (run["status"], run["exitCode"], run["statusMessage"]) == (ending, exit_code, message)
    assert run["isStatusMessageTerminal"] is True


def test_a_run_that_takes_too_long_times_out(client: Client) -> None:
    run = client.finish({"durationSecs": 60}, timeout=1)
    assert run["status"] == "TIMED-OUT"
    assert run["options"]["timeoutSecs"] == 1


def test_an_abort_ends_the_run_at_once(client: Client, local_apify: LocalApify) -> None:
    run = client.start({"durationSecs": 60})
    assert client.data("POST", f"/v2/actor-runs/{run['id']}/abort")["status"] == "ABORTING"
    assert client.wait(run["id"])["status"] == "ABORTED"
    assert local_apify.control.ledger().runs[0].aborted_by_request


def test_a_run_that_is_still_ready_can_be_aborted(client: Client, local_apify: LocalApify) -> None:
    local_apify.control.settings(ready_seconds=60)
    run = client.start()
    client.data("POST", f"/v2/actor-runs/{run['id']}/abort")
    assert client.wait(run["id"])["status"] == "ABORTED"
    assert "Starting build" not in client.send("GET", f"/v2/actor-runs/{run['id']}/log").text


def test_a_graceful_abort_lets_the_actor_tidy_up(client: Client, local_apify: LocalApify) -> None:
    local_apify.control.settings(graceful_abort_seconds=60)
    run = client.start({"durationSecs": 60, "items": 3})
    client.until_running(run["id"])
    client.data("POST", f"/v2/actor-runs/{run['id']}/abort", params={"gracefully": "true"})
    assert client.wait(run["id"])["status"] == "ABORTED"
    assert len(client.send("GET", f"/v2/actor-runs/{run['id']}/dataset/items").json()) == 3


def test_aborting_a_finished_run_does_nothing(client: Client, local_apify: LocalApify) -> None:
    run = client.finish()
    assert client.data("POST", f"/v2/actor-runs/{run['id']}/abort")["status"] == "SUCCEEDED"
    assert not local_apify.control.ledger().runs[0].aborted_by_request


def test_a_resurrected_run_goes_on_with_its_storages(client: Client) -> None:
    run = client.finish({"items": 4, "endAs": ["FAILED", "SUCCEEDED"]})
    assert run["status"] == "FAILED"
    revived = client.data("POST", f"/v2/actor-runs/{run['id']}/resurrect", params={"memory": 512})
    assert (revived["status"], revived["finishedAt"], revived["options"]["memoryMbytes"]) == ("RUNNING", None, 512)
    done = client.wait(run["id"])
    assert (done["status"], done["stats"]["resurrectCount"]) == ("SUCCEEDED", 1)
    assert [item["id"] for item in client.send("GET", f"/v2/actor-runs/{run['id']}/dataset/items").json()] == [
        0,
        1,
        2,
        3,
    ]


def test_a_resurrected_run_can_have_a_build_that_is_newer_than_the_run(client: Client) -> None:
    version = {"versionNumber": "0.1", "sourceType": "SOURCE_FILES", "sourceFiles": [], "buildTag": "latest"}
    actor = client.data("POST", "/v2/actors", json={"name": "mine", "versions": [version]})["id"]
    build = {"version": "0.1", "waitForFinish": 60}
    first = client.data("POST", f"/v2/actors/{actor}/builds", params=build)["buildNumber"]
    run = client.data("POST", f"/v2/actors/{actor}/runs", params={"waitForFinish": 60})
    second = client.data("POST", f"/v2/actors/{actor}/builds", params=build)["buildNumber"]
    assert (run["buildNumber"], second != first) == (first, True)
    path = f"/v2/actor-runs/{run['id']}"
    assert client.data("POST", f"{path}/resurrect", params={"build": "latest"})["buildNumber"] == second


def test_only_a_finished_run_can_be_resurrected_or_deleted(client: Client) -> None:
    path = f"/v2/actor-runs/{client.start({'durationSecs': 60})['id']}"
    assert client.error("POST", f"{path}/resurrect") == (400, "operation-not-allowed")
    assert client.error("DELETE", path) == (400, "cannot-remove-running-run")


def test_the_limits_of_a_resurrected_run_can_only_rise(client: Client) -> None:
    run = client.finish({}, maxTotalChargeUsd=1)
    path = f"/v2/actor-runs/{run['id']}/resurrect"
    assert client.error("POST", path, params={"maxTotalChargeUsd": 0.5}) == (400, "invalid-value")
    assert client.data("POST", path, params={"maxTotalChargeUsd": 2})["options"]["maxTotalChargeUsd"] == 2


def test_only_a_running_run_can_be_rebooted(client: Client) -> None:
    run = client.start({"durationSecs": 60, "logLines": ["hello"]})
    client.until_running(run["id"])
    client.data("POST", f"/v2/actor-runs/{run['id']}/reboot")
    client.data("POST", f"/v2/actor-runs/{run['id']}/abort", params={"gracefully": 1})
    assert client.wait(run["id"])["stats"]["rebootCount"] == 1
    assert client.send("GET", f"/v2/actor-runs/{run['id']}/log").text.count("hello") == 2
    assert client.error("POST", f"/v2/actor-runs/{run['id']}/reboot") == (400, "job-finished")


def test_another_actor_goes_on_with_a_run_and_its_storages(client: Client, local_apify: LocalApify) -> None:
    path = f"/v2/actor-runs/{client.start({'durationSecs': 60, 'records': {'KEPT': 1}})['id']}"
    client.until_running(path.rpartition("/")[2])
    hello = {"targetActorId": "apify~hello-world"}
    client.data("POST", f"{path}/metamorph", params=hello, json={"message": "Taken over"})
    done = client.wait(path.rpartition("/")[2])

    (change,) = done["metamorphs"]
    assert (done["status"], done["stats"]["metamorph"]) == ("SUCCEEDED", 1)
    assert change["inputKey"] == "INPUT-METAMORPH-1"
    assert change["actorId"] == client.data("GET", "/v2/actors/apify~hello-world")["id"]
    assert client.send("GET", f"{path}/key-value-store/records/INPUT-METAMORPH-1").json() == {"message": "Taken over"}
    assert client.send("GET", f"{path}/key-value-store/records/KEPT").json() == 1
    assert client.send("GET", f"{path}/dataset/items").json() == [{"message": "Taken over"}]
    assert local_apify.control.ledger().runs_started == 1


def test_only_a_running_run_can_be_taken_over_and_only_by_an_actor_that_exists(client: Client) -> None:
    path = f"/v2/actor-runs/{client.finish()['id']}"
    known, unknown = {"targetActorId": "apify~hello-world"}, {"targetActorId": "nobody~nothing"}
    assert client.error("POST", f"{path}/metamorph", params=known, json={}) == (400, "job-finished")
    assert client.error("POST", f"{path}/metamorph", params=unknown) == (404, "record-not-found")
    keys = [item["key"] for item in client.data("GET", f"{path}/key-value-store/keys")["items"]]
    assert "INPUT-METAMORPH-1" not in keys


def test_a_run_restarts_on_error_three_times_when_told(client: Client) -> None:
    assert client.finish({"endAs": ["FAILED", "SUCCEEDED"]}, restartOnError=1)["status"] == "SUCCEEDED"
    hopeless = client.finish({"endAs": "FAILED"}, restartOnError=1)
    assert (hopeless["status"], hopeless["stats"]["restartCount"]) == ("FAILED", 3)


def test_a_deleted_run_is_gone_with_its_storages_but_stays_in_the_ledger(
    client: Client, local_apify: LocalApify
) -> None:
    run = client.finish({"items": 1})
    client.send("DELETE", f"/v2/actor-runs/{run['id']}")
    assert client.error("GET", f"/v2/actor-runs/{run['id']}") == (404, "record-not-found")
    assert client.error("GET", f"/v2/datasets/{run['defaultDatasetId']}") == (404, "record-not-found")
    assert local_apify.control.ledger().runs_started == 1


def test_a_named_dataset_outlives_its_run(client: Client) -> None:
    run = client.finish({"items": 1})
    client.data("PUT", f"/v2/datasets/{run['defaultDatasetId']}", json={"name": "kept"})
    client.send("DELETE", f"/v2/actor-runs/{run['id']}")
    assert client.data("GET", "/v2/datasets/local~kept")["itemCount"] == 1


def test_the_status_message_can_be_set_until_it_is_terminal(client: Client) -> None:
    path = f"/v2/actor-runs/{client.start({'durationSecs': 60})['id']}"
    assert client.data("PUT", path, json={"statusMessage": "One"})["statusMessage"] == "One"
    client.data("PUT", path, json={"statusMessage": "Two", "isStatusMessageTerminal": True})
    assert client.data("PUT", path, json={"statusMessage": "Three"})["statusMessage"] == "Two"
    assert client.error("PUT", path, json={"statusMessage": 4}) == (400, "invalid-input")


def test_costs_and_charges_are_preliminary_until_they_settle(client: Client, local_apify: LocalApify) -> None:
    local_apify.control.settings(cost_settles_seconds=3600)
    run = client.finish({"chargedEvents": {"item": 100}})
    local_apify.control.settings(cost_settles_seconds=0)
    final = client.data("GET", f"/v2/actor-runs/{run['id']}")
    assert (run["chargedEventCounts"], final["chargedEventCounts"]) == ({"item": 80}, {"item": 100})
    assert run["usageTotalUsd"] < final["usageTotalUsd"] == pytest.approx(0.1, abs=0.001)


def test_charges_stay_within_the_budget(client: Client, local_apify: LocalApify) -> None:
    local_apify.control.settings(cost_settles_seconds=0)
    run = client.finish({"chargedEvents": {"item": 1000}}, maxTotalChargeUsd=0.3)
    assert run["chargedEventCounts"] == {"item": 300}


def test_events_are_charged_over_the_api_if_the_actor_has_a_price_for_them(
    client: Client, local_apify: LocalApify
) -> None:
    local_apify.control.settings(cost_settles_seconds=0)
    path = f"/v2/actor-runs/{client.start({'durationSecs': 60})['id']}"
    assert client.send("POST", f"{path}/charge", json={"eventName": "page", "count": 10}).status_code == 201
    assert client.data("GET", path)["chargedEventCounts"] == {"page": 8}
    wrong = client.error("POST", f"{path}/charge", json={"eventName": "nothing", "count": 1})
    assert wrong == (400, "cannot-charge-non-pay-per-event-actor")


@pytest.mark.parametrize("count", [-1, True, None, 10**300, 1.5, "1"], ids=range(6))
def test_only_a_number_of_events_can_be_charged_for(client: Client, count: object) -> None:
    path = f"/v2/actor-runs/{client.start({'durationSecs': 60})['id']}"
    assert client.error("POST", f"{path}/charge", json={"eventName": "item", "count": count}) == (400, "invalid-input")
    assert client.data("GET", path)["chargedEventCounts"] == {}


def test_a_finished_run_is_not_charged_for(client: Client) -> None:
    path = f"/v2/actor-runs/{client.finish()['id']}"
    event = {"eventName": "item", "count": 1}
    assert client.error("POST", f"{path}/charge", json=event) == (400, "operation-not-allowed")
    assert client.data("GET", path)["chargedEventCounts"] == {}


def test_whoever_knows_its_id_may_read_an_open_run_but_not_its_cost(client: Client) -> None:
    run = client.finish()
    client.data("PUT", f"/v2/actor-runs/{run['id']}", json={"generalAccess": "ANYONE_WITH_ID_CAN_READ"})
    public = client.data("GET", f"/v2/actor-runs/{run['id']}", token=None)
    assert public["status"] == "SUCCEEDED"
    assert not {"usage", "usageUsd", "usageTotalUsd"} & set(public)


def test_lists_are_filtered_ordered_and_paged(client: Client) -> None:
    runs = [client.finish({"endAs": ending}) for ending in ("SUCCEEDED", "FAILED", "SUCCEEDED")]
    ids = [run["id"] for run in runs]

    def listed(**params: object) -> list[str]:
        return [item["id"] for item in client.data("GET", SCENARIO, params=params)["items"]]

    assert listed() == ids
    assert listed(desc=1) == ids[::-1]
    assert listed(offset=1, limit=1) == [ids[1]]
    assert listed(status="FAILED,ABORTED") == [ids[1]]
    assert listed(startedAfter=runs[1]["startedAt"])[-1] == ids[2]
    assert listed(startedBefore="2020-01-01T00:00:00.000Z") == []
    assert client.data("GET", SCENARIO, params={"limit": 2})["total"] == 3
    assert client.error("GET", SCENARIO, params={"startedAfter": "yesterday"}) == (400, "invalid-parameter")
    assert client.error("GET", SCENARIO, params={"status": "DONE"}) == (400, "invalid-parameter")


def test_lists_hide_the_user_agent_unless_told_otherwise(client: Client, local_apify: LocalApify) -> None:
    client.start()
    assert client.data("GET", "/v2/actor-runs")["items"][0]["meta"] == {"origin": "API"}
    local_apify.control.settings(list_shows_user_agent=True)
    assert "python-requests" in client.data("GET", "/v2/actor-runs")["items"][0]["meta"]["userAgent"]


def test_the_last_run_can_be_asked_for_by_status_and_origin(client: Client) -> None:
    good = client.finish({"items": 2})
    bad = client.finish({"endAs": "FAILED"})
    last = f"{SCENARIO}/last"
    assert client.data("GET", last)["id"] == bad["id"]
    assert client.data("GET", last, params={"status": "SUCCEEDED"})["id"] == good["id"]
    assert len(client.send("GET", f"{last}/dataset/items", params={"status": "SUCCEEDED"}).json()) == 2
    assert client.error("GET", last, params={"origin": "WEB"}) == (404, "record-not-found")


def test_a_new_run_cannot_be_read_or_listed_while_replicas_lag(client: Client, local_apify: LocalApify) -> None:
    local_apify.control.settings(replica_lag_seconds=3600)
    run = client.start()
    assert client.error("GET", f"/v2/actor-runs/{run['id']}") == (404, "record-not-found")
    assert client.data("GET", SCENARIO)["items"] == []
    local_apify.control.settings(replica_lag_seconds=0)
    assert client.data("GET", f"/v2/actor-runs/{run['id']}")["id"] == run["id"]
    assert [item["id"] for item in client.data("GET", SCENARIO)["items"]] == [run["id"]]


def test_null_is_no_input(client: Client) -> None:
    run = client.data("POST", SCENARIO, data=b"null", headers={"Content-Type": "application/json"})
    path = f"/v2/key-value-stores/{run['defaultKeyValueStoreId']}/records/INPUT"
    assert client.error("GET", path) == (404, "record-not-found")


def test_the_usage_of_a_run_counts_what_was_done_with_its_storages(client: Client) -> None:
    run = client.finish({"records": {"A": 1}})
    store, queue = (
        f"/v2/key-value-stores/{run['defaultKeyValueStoreId']}",
        f"/v2/request-queues/{run['defaultRequestQueueId']}",
    )
    client.send("GET", f"{store}/records/A")
    client.send("GET", f"{store}/keys")
    client.send("POST", f"{queue}/requests", json={"url": "http://a", "uniqueKey": "a"})
    client.send("GET", f"{queue}/head")
    usage = client.data("GET", f"/v2/actor-runs/{run['id']}")["usage"]
    assert {name: usage[name] for name in usage if name.startswith(("KEY", "REQUEST"))} == {
        "KEY_VALUE_STORE_READS": 2,
        "KEY_VALUE_STORE_WRITES": 2,
        "KEY_VALUE_STORE_LISTS": 1,
        "REQUEST_QUEUE_READS": 1,
        "REQUEST_QUEUE_WRITES": 1,
    }
