"""What Apify says of runs, storages, Actors, the account and webhooks, as objects. No I/O."""

from __future__ import annotations

from airflow_provider_apify.models.account import (
    AccountLimits,
    CurrentUsage,
    DailyUsage,
    Limits,
    MonthlyUsage,
    Room,
    UsageCycle,
    UsageItem,
)
from airflow_provider_apify.models.actors import Actor, Build, BuildTag, SavedTask, StoreActor
from airflow_provider_apify.models.console import Console
from airflow_provider_apify.models.run_details import Metamorph, Pricing, RunDetails, RunMeta, RunSettings, RunStats
from airflow_provider_apify.models.runs import (
    FINISHED_STATUSES,
    ORIGINS,
    STATUSES,
    SUCCEEDED,
    UNFINISHED_STATUSES,
    ActorRun,
    RunEvent,
)
from airflow_provider_apify.models.storages import (
    AddedRequest,
    Dataset,
    ItemsSeen,
    KeyValueStore,
    Record,
    RecordKey,
    RequestQueue,
)
from airflow_provider_apify.models.web_fetch import FetchedPage
from airflow_provider_apify.models.webhooks import EVENT_TYPES, RUN_ENDS, Webhook, WebhookDispatch, WebhookSpec

__all__ = [
    "EVENT_TYPES",
    "FINISHED_STATUSES",
    "ORIGINS",
    "RUN_ENDS",
    "STATUSES",
    "SUCCEEDED",
    "UNFINISHED_STATUSES",
    "AccountLimits",
    "Actor",
    "ActorRun",
    "AddedRequest",
    "Build",
    "BuildTag",
    "Console",
    "CurrentUsage",
    "DailyUsage",
    "Dataset",
    "FetchedPage",
    "ItemsSeen",
    "KeyValueStore",
    "Limits",
    "Metamorph",
    "MonthlyUsage",
    "Pricing",
    "Record",
    "RecordKey",
    "RequestQueue",
    "Room",
    "RunDetails",
    "RunEvent",
    "RunMeta",
    "RunSettings",
    "RunStats",
    "SavedTask",
    "StoreActor",
    "UsageCycle",
    "UsageItem",
    "Webhook",
    "WebhookDispatch",
    "WebhookSpec",
]
