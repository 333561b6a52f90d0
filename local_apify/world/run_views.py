"""Runs as the API shows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from local_apify.settings import Settings
from local_apify.world.actor import BUILT_IN_SINCE, Actor
from local_apify.world.clock import iso
from local_apify.world.runs import USD_PER_COMPUTE_UNIT, Metamorph, Run, RunOptions

PRICES_SINCE = BUILT_IN_SINCE
_MEGABYTE = 1024 * 1024
_USAGE_FIELDS = ("usage", "usageTotalUsd", "usageUsd")


def options_shape(options: RunOptions) -> dict[str, Any]:
    """Write a run's options as the API does."""
    shape = {
        "build": options.build,
        "timeoutSecs": options.timeout_secs,
        "memoryMbytes": options.memory_mbytes,
        "diskMbytes": options.memory_mbytes * 2,
        "maxItems": options.max_items,
        "maxTotalChargeUsd": options.max_total_charge_usd,
    }
    return {name: value for name, value in shape.items() if value is not None}


def run_shape(run: Run, settings: Settings) -> dict[str, Any]:
    """Write a run as the API does for its owner."""
    settles = settings.cost_settles_seconds
    return {
        "id": run.id,
        "actId": run.actor.id,
        "userId": run.owner.id,
        "actorTaskId": run.task.id if run.task else None,
        "startedAt": iso(run.started_at),
        "finishedAt": iso(run.finished_at) if run.finished_at else None,
        "status": run.status,
        "statusMessage": run.status_message,
        "isStatusMessageTerminal": run.is_status_message_terminal,
        "meta": _meta(run),
        "pricingInfo": pricing_shape(run.actor),
        "stats": _stats(run),
        "chargedEventCounts": run.charges(settles),
        "options": options_shape(run.options),
        "buildId": run.actor.build_id(run.build_number),
        "buildNumber": run.build_number,
        "exitCode": run.exit_code,
        "generalAccess": run.general_access,
        **_storages(run),
        "storageIds": _storage_ids(run),
        "containerUrl": f"https://{run.id.lower()}.runs.apify.net",
        "isContainerServerReady": False,
        "gitBranchName": None,
        "metamorphs": [_metamorph(each) for each in run.metamorphs] or None,
        "platformUsageBillingModel": "USER",
        "usage": _usage(run),
        "usageUsd": {"ACTOR_COMPUTE_UNITS": round(run.compute_units() * USD_PER_COMPUTE_UNIT, 9)},
        "usageTotalUsd": run.cost_usd(settles),
    }


def public_run_shape(run: Run, settings: Settings) -> dict[str, Any]:
    """Write a run as the API does for those who only know its id: without what it cost."""
    return {name: value for name, value in run_shape(run, settings).items() if name not in _USAGE_FIELDS}


def short_run_shape(run: Run, settings: Settings) -> dict[str, Any]:
    """Write a run as it stands in lists."""
    return {
        "id": run.id,
        "actId": run.actor.id,
        "userId": run.owner.id,
        "actorTaskId": run.task.id if run.task else None,
        "status": run.status,
        "startedAt": iso(run.started_at),
        "finishedAt": iso(run.finished_at) if run.finished_at else None,
        "buildId": run.actor.build_id(run.build_number),
        "buildNumber": run.build_number,
        "meta": _meta(run) if settings.list_shows_user_agent else {"origin": run.caller.origin},
        "usageTotalUsd": run.cost_usd(settings.cost_settles_seconds),
        **_storages(run),
    }


def pricing_shape(actor: Actor) -> dict[str, Any]:
    """Write what an Actor costs."""
    common = {"apifyMarginPercentage": 0.2, "createdAt": PRICES_SINCE, "startedAt": PRICES_SINCE}
    if not actor.event_prices:
        return {"pricingModel": "FREE", **common}
    events = {
        name: {"eventTitle": name, "eventDescription": f"One {name}", "eventPriceUsd": price}
        for name, price in actor.event_prices.items()
    }
    return {
        "pricingModel": "PAY_PER_EVENT",
        "pricingPerEvent": {"actorChargeEvents": events},
        "minimalMaxTotalChargeUsd": actor.minimal_charge_usd,
        **common,
    }


def _meta(run: Run) -> dict[str, Any]:
    return {"origin": run.caller.origin, "clientIp": run.caller.client_ip, "userAgent": run.caller.user_agent}


def _storages(run: Run) -> Mapping[str, str]:
    return {
        "defaultKeyValueStoreId": run.store.id,
        "defaultDatasetId": run.dataset.id,
        "defaultRequestQueueId": run.queue.id,
    }


def _storage_ids(run: Run) -> dict[str, Any]:
    return {
        "datasets": {"default": run.dataset.id},
        "keyValueStores": {"default": run.store.id},
        "requestQueues": {"default": run.queue.id},
    }


def _metamorph(change: Metamorph) -> dict[str, Any]:
    return {
        "createdAt": iso(change.created_at),
        "actorId": change.actor.id,
        "buildId": change.actor.build_id(change.build_number),
        "inputKey": change.input_key,
    }


def _stats(run: Run) -> dict[str, Any]:
    seconds = run.run_seconds()
    record = run.store.records.get("INPUT")
    used = min(80 + int(seconds * 10), run.options.memory_mbytes) * _MEGABYTE
    return {
        "inputBodyLen": record.length if record else 0,
        "migrationCount": 0,
        "rebootCount": run.reboot_count,
        "restartCount": run.restart_count,
        "resurrectCount": run.resurrect_count,
        "memAvgBytes": used * 0.9,
        "memMaxBytes": used,
        "memCurrentBytes": 0 if run.is_terminal else used,
        "cpuAvgUsage": 12.5,
        "cpuMaxUsage": 48.0,
        "cpuCurrentUsage": 0 if run.is_terminal else 12.5,
        "netRxBytes": int(seconds * 10_000),
        "netTxBytes": int(seconds * 5_000),
        "durationMillis": int(seconds * 1000),
        "runTimeSecs": round(seconds, 3),
        "metamorph": len(run.metamorphs),
        "computeUnits": run.compute_units(),
    }


def _usage(run: Run) -> dict[str, Any]:
    return {
        "ACTOR_COMPUTE_UNITS": run.compute_units(),
        "DATASET_READS": run.dataset.counts["read"],
        "DATASET_WRITES": len(run.dataset),
        "KEY_VALUE_STORE_READS": run.store.counts["read"],
        "KEY_VALUE_STORE_WRITES": run.store.counts["write"],
        "KEY_VALUE_STORE_LISTS": run.store.counts["list"],
        "REQUEST_QUEUE_READS": run.queue.counts["read"] + run.queue.counts["headItemRead"],
        "REQUEST_QUEUE_WRITES": run.queue.counts["write"] + run.queue.counts["delete"],
    }
