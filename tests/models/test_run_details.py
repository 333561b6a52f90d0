from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pendulum
import pytest

from airflow_provider_apify.models._fields import api_name
from airflow_provider_apify.models.runs import ActorRun, RunEvent

# The example of a run in Apify's reference.
EXAMPLE: dict[str, Any] = {
    "id": "HG7ML7M8z78YcAPEB",
    "actId": "HDSasDasz78YcAPEB",
    "userId": "7sT5jcggjjA9fNcxF",
    "actorTaskId": "KJHSKHausidyaJKHs",
    "startedAt": "2019-11-30T07:34:24.202Z",
    "finishedAt": "2019-12-12T09:30:12.202Z",
    "status": "READY",
    "statusMessage": "Actor is running",
    "isStatusMessageTerminal": False,
    "meta": {
        "origin": "DEVELOPMENT",
        "clientIp": "string",
        "userAgent": "string",
        "scheduleId": "string",
        "scheduledAt": "2024-07-29T15:51:28.071Z",
    },
    "pricingInfo": {
        "apifyMarginPercentage": 0,
        "createdAt": "2024-07-29T15:51:28.071Z",
        "startedAt": "2024-07-29T15:51:28.071Z",
        "notifiedAboutFutureChangeAt": "2024-07-29T15:51:28.071Z",
        "notifiedAboutChangeAt": "2024-07-29T15:51:28.071Z",
        "reasonForChange": "string",
        "pricingModel": "PAY_PER_EVENT",
        "pricingPerEvent": {"actorChargeEvents": {}},
        "minimalMaxTotalChargeUsd": 0,
    },
    "stats": {
        "inputBodyLen": 240,
        "migrationCount": 0,
        "rebootCount": 0,
        "restartCount": 0,
        "resurrectCount": 2,
        "memAvgBytes": 267874071.9,
        "memMaxBytes": 404713472,
        "memCurrentBytes": 0,
        "cpuAvgUsage": 33.7532101107538,
        "cpuMaxUsage": 169.650735534941,
        "cpuCurrentUsage": 0,
        "netRxBytes": 103508042,
        "netTxBytes": 4854600,
        "durationMillis": 248472,
        "runTimeSecs": 248.472,
        "metamorph": 0,
        "computeUnits": 0.13804,
    },
    "chargedEventCounts": {"actor-start": 1, "page-crawled": 150, "data-extracted": 75},
    "options": {
        "build": "latest",
        "timeoutSecs": 300,
        "memoryMbytes": 1024,
        "diskMbytes": 2048,
        "maxItems": 1000,
        "maxTotalChargeUsd": 5,
    },
    "buildId": "7sT5jcggjjA9fNcxF",
    "exitCode": 0,
    "generalAccess": "RESTRICTED",
    "defaultKeyValueStoreId": "eJNzqsbPiopwJcgGQ",
    "defaultDatasetId": "wmKPijuyDnPZAPRMk",
    "defaultRequestQueueId": "FL35cSF7jrxr3BY39",
    "storageIds": {
        "datasets": {"default": "wmKPijuyDnPZAPRMk"},
        "keyValueStores": {"default": "eJNzqsbPiopwJcgGQ"},
        "requestQueues": {"default": "FL35cSF7jrxr3BY39"},
    },
    "buildNumber": "0.0.36",
    "containerUrl": "https://g8kd8kbc5ge8.runs.apify.net",
    "isContainerServerReady": True,
    "gitBranchName": "master",
    "usage": {"ACTOR_COMPUTE_UNITS": 3, "DATASET_READS": 4, "PROXY_SERPS": 3},
    "usageTotalUsd": 0.2654,
    "usageUsd": {"ACTOR_COMPUTE_UNITS": 0.0003, "KEY_VALUE_STORE_WRITES": 0.00005, "PROXY_SERPS": None},
    "metamorphs": [
        {
            "createdAt": "2019-11-30T07:39:24.202Z",
            "actorId": "nspoEjklmnsF2oosD",
            "buildId": "ME6oKecqy5kXDS4KQ",
            "inputKey": "INPUT-METAMORPH-1",
        }
    ],
}
RENAMED = {
    "actId": "actor_id",
    "defaultDatasetId": "dataset_id",
    "defaultKeyValueStoreId": "key_value_store_id",
    "defaultRequestQueueId": "request_queue_id",
}
PARTS = ("meta", "pricingInfo", "stats", "options")


def attribute(thing: object, name: str) -> Any:
    """Return the attribute of a field of the API."""
    known = {api_name(each): each for each in dir(thing)} | RENAMED
    return getattr(thing, known[name])


def same(read: Any, written: Any) -> bool:
    """Tell whether a value was read as it was written: times as times, and dollars exactly."""
    if isinstance(read, pendulum.DateTime):
        return read == pendulum.parse(written)
    if isinstance(read, Decimal):
        return read == Decimal(str(written))
    return bool(read == written)


@pytest.mark.parametrize("name", [name for name in EXAMPLE if name not in {*PARTS, "usage", "usageUsd", "metamorphs"}])
def test_each_field_of_a_run_is_an_attribute(name: str) -> None:
    assert same(attribute(ActorRun.from_api(EXAMPLE), name), EXAMPLE[name])


@pytest.mark.parametrize(("part", "name"), [(part, name) for part in PARTS for name in EXAMPLE[part]])
def test_each_field_of_a_part_of_a_run_is_an_attribute(part: str, name: str) -> None:
    read = attribute(ActorRun.from_api(EXAMPLE), part)
    assert same(attribute(read, name), EXAMPLE[part][name])


def test_times_have_a_zone_and_money_is_exact() -> None:
    run = ActorRun.from_api(EXAMPLE)
    assert run.meta.scheduled_at == pendulum.datetime(2024, 7, 29, 15, 51, 28, 71_000, tz="UTC")
    assert run.options.max_total_charge_usd == Decimal(5)
    assert run.pricing_info.minimal_max_total_charge_usd == Decimal(0)
    assert run.usage == {
        "ACTOR_COMPUTE_UNITS": Decimal(3),
        "DATASET_READS": Decimal(4),
        "PROXY_SERPS": Decimal(3),
    }
    assert run.usage_usd == {"ACTOR_COMPUTE_UNITS": Decimal("0.0003"), "KEY_VALUE_STORE_WRITES": Decimal("0.00005")}


def test_a_run_tells_what_it_was_turned_into() -> None:
    (change,) = ActorRun.from_api(EXAMPLE).metamorphs
    assert (change.actor_id, change.build_id, change.input_key) == (
        "nspoEjklmnsF2oosD",
        "ME6oKecqy5kXDS4KQ",
        "INPUT-METAMORPH-1",
    )
    assert change.created_at == pendulum.datetime(2019, 11, 30, 7, 39, 24, 202_000, tz="UTC")


def _bare(run: ActorRun) -> Mapping[str, Any]:
    return {name: getattr(run, name) for name in ("usage", "usage_usd", "storage_ids", "metamorphs")}


def test_what_tells_a_run_s_story_survives_the_trip_from_the_trigger() -> None:
    run = ActorRun.from_api(EXAMPLE)
    event = RunEvent.from_payload(json.loads(json.dumps(RunEvent(run).to_payload())))
    assert event.run.history == run.history
    assert (event.run.user_agent, event.run.meta.origin) == (run.user_agent, run.meta.origin)
    assert event.run.metamorphs == run.metamorphs
    assert run.user_agent
    assert any(run.history.values())


def test_a_run_from_the_trigger_has_no_other_details() -> None:
    event = RunEvent.from_payload(json.loads(json.dumps(RunEvent(ActorRun.from_api(EXAMPLE)).to_payload())))
    details = {name: value for name, value in _bare(event.run).items() if name != "metamorphs"}
    assert not any(details.values())
    assert (event.run.meta.client_ip, event.run.stats.compute_units, event.run.build_id) == (None, None, None)
