from __future__ import annotations

import json
from dataclasses import fields
from decimal import Decimal
from typing import Any

import pytest

from airflow_provider_apify.exceptions import ApifyRunAborted, ApifyRunError, ApifyRunFailed, ApifyRunTimedOut
from airflow_provider_apify.models.runs import FINISHED_STATUSES, ORIGINS, STATUSES, ActorRun, RunEvent
from airflow_provider_apify.models.storages import Dataset
from local_apify.world import runs as served
from tests.contract.openapi import DOCUMENT

FULL: dict[str, Any] = {
    "id": "HG7ML7M8z78YcAPEB",
    "actId": "janedoe~my-actor",
    "actorTaskId": "task1",
    "userId": "user1",
    "status": "SUCCEEDED",
    "statusMessage": "Crawled 7 pages",
    "startedAt": "2026-11-08T15:30:35.281Z",
    "finishedAt": "2026-11-08T17:31:35.000+01:00",
    "buildNumber": "0.0.36",
    "exitCode": 0,
    "defaultDatasetId": "dataset1",
    "defaultKeyValueStoreId": "store1",
    "defaultRequestQueueId": "queue1",
    "usageTotalUsd": 0.2654,
    "chargedEventCounts": {"item": 5},
    "stats": {"computeUnits": 0.13804},
}
BARE: dict[str, Any] = {"id": "run1", "actId": "actor1", "status": "READY"}


def test_a_run_is_read_from_the_api_s_words() -> None:
    run = ActorRun.from_api(FULL)
    assert (run.id, run.actor_id, run.actor_task_id) == ("HG7ML7M8z78YcAPEB", "janedoe~my-actor", "task1")
    assert (run.dataset_id, run.key_value_store_id, run.request_queue_id) == ("dataset1", "store1", "queue1")
    assert (run.build_number, run.exit_code, run.usage_total_usd) == ("0.0.36", 0, Decimal("0.2654"))
    assert run.raw is FULL


def test_a_run_goes_to_xcom_as_plain_json_with_times_in_utc() -> None:
    assert json.loads(json.dumps(ActorRun.from_api(FULL).to_dict())) == {
        "run_id": "HG7ML7M8z78YcAPEB",
        "actor_id": "janedoe~my-actor",
        "actor_task_id": "task1",
        "status": "SUCCEEDED",
        "status_message": "Crawled 7 pages",
        "started_at": "2026-11-08T15:30:35.281000+00:00",
        "finished_at": "2026-11-08T16:31:35+00:00",
        "build_number": "0.0.36",
        "exit_code": 0,
        "dataset_id": "dataset1",
        "key_value_store_id": "store1",
        "request_queue_id": "queue1",
        "usage_total_usd": 0.2654,
        "charged_event_counts": {"item": 5},
        "console_url": "https://console.apify.com/actors/runs/HG7ML7M8z78YcAPEB",
        "run_url": "https://console.apify.com/actors/runs/HG7ML7M8z78YcAPEB",
    }


@pytest.mark.parametrize("nulls", [{}, dict.fromkeys(FULL.keys() - BARE.keys())])
def test_a_run_may_lack_all_but_its_identity(nulls: dict[str, Any]) -> None:
    run = ActorRun.from_api({**nulls, **BARE}).to_dict()
    known = {"run_id", "actor_id", "status", "console_url", "run_url", "charged_event_counts"}
    assert run["charged_event_counts"] == {}
    assert all(value is None for name, value in run.items() if name not in known)


@pytest.mark.parametrize("missing", ["id", "actId", "status"])
def test_a_run_without_identity_is_an_error(missing: str) -> None:
    with pytest.raises(KeyError, match=missing):
        ActorRun.from_api({name: value for name, value in BARE.items() if name != missing})


@pytest.mark.parametrize("status", sorted(STATUSES | {"A-STATUS-OF-NEXT-YEAR"}))
def test_a_run_is_over_in_a_finished_status_only(status: str) -> None:
    assert ActorRun.from_api({**BARE, "status": status}).is_finished == (status in FINISHED_STATUSES)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        ("FAILED", ApifyRunFailed),
        ("ABORTED", ApifyRunAborted),
        ("TIMED-OUT", ApifyRunTimedOut),
        ("A-STATUS-OF-NEXT-YEAR", ApifyRunFailed),
    ],
)
def test_an_unwanted_end_raises_its_error_with_the_actor_s_words(status: str, error: type[ApifyRunError]) -> None:
    run = ActorRun.from_api({**FULL, "status": status, "statusMessage": "Login failed"})
    with pytest.raises(error) as caught:
        run.raise_for_status()
    assert str(caught.value) == (
        f"Run HG7ML7M8z78YcAPEB of Actor janedoe~my-actor is {status}: Login failed "
        "(https://console.apify.com/actors/runs/HG7ML7M8z78YcAPEB)"
    )
    assert caught.value.retryable


def test_an_actor_without_words_is_said_to_have_none() -> None:
    with pytest.raises(ApifyRunFailed, match="is FAILED, without a message from the Actor"):
        ActorRun.from_api({**BARE, "status": "FAILED"}).raise_for_status()


@pytest.mark.parametrize(
    ("status", "accept"), [("SUCCEEDED", ("SUCCEEDED",)), ("TIMED-OUT", {"SUCCEEDED", "TIMED-OUT"})]
)
def test_an_accepted_end_raises_nothing(status: str, accept: Any) -> None:
    ActorRun.from_api({**BARE, "status": status}).raise_for_status(accept)


def test_success_is_accepted_by_default() -> None:
    ActorRun.from_api(FULL).raise_for_status()


@pytest.mark.parametrize("deadline_passed", [True, False])
@pytest.mark.parametrize("data", [FULL, BARE])
def test_an_event_survives_the_metadata_database(
    data: dict[str, Any],
    deadline_passed: bool,
) -> None:
    event = RunEvent(ActorRun.from_api(data), deadline_passed=deadline_passed)
    again = RunEvent.from_payload(json.loads(json.dumps(event.to_payload())))
    assert again == event
    assert again.run.to_dict() == event.run.to_dict()


def test_every_field_of_a_run_is_read_from_somewhere() -> None:
    assert {each.name for each in fields(ActorRun) if "key" not in each.metadata} == {"raw"}


def test_an_event_is_small() -> None:
    payload = RunEvent(ActorRun.from_api({**FULL, "stats": {"history": ["x"] * 10_000}})).to_payload()
    assert len(json.dumps(payload)) < 1000


@pytest.mark.parametrize("payload", [{}, {"run": BARE}, {"deadline_passed": False}])
def test_a_payload_that_is_no_event_is_an_error(payload: dict[str, Any]) -> None:
    with pytest.raises(KeyError):
        RunEvent.from_payload(payload)


def test_a_run_is_shown_without_the_api_s_whole_object() -> None:
    assert "computeUnits" not in repr(ActorRun.from_api(FULL))


def test_runs_are_equal_by_what_is_read_of_them() -> None:
    assert ActorRun.from_api(FULL) == ActorRun.from_api({**FULL, "stats": {}})
    assert ActorRun.from_api(FULL) != ActorRun.from_api({**FULL, "status": "FAILED"})


@pytest.mark.parametrize(
    ("data", "name", "count"), [({"id": "d1", "name": "mine", "itemCount": 7}, "mine", 7), ({"id": "d1"}, None, 0)]
)
def test_a_dataset_is_read_from_the_api_s_words(data: dict[str, Any], name: str | None, count: int) -> None:
    dataset = Dataset.from_api(data)
    assert (dataset.id, dataset.name, dataset.item_count) == ("d1", name, count)


def test_statuses_and_origins_are_those_of_the_contract() -> None:
    schemas = json.loads(DOCUMENT.read_text(encoding="utf-8"))["components"]["schemas"]
    assert set(schemas["ActorJobStatus"]["enum"]) == STATUSES == served.STATUSES
    assert set(schemas["RunOrigin"]["enum"]) == ORIGINS
