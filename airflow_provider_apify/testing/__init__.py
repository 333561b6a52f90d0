"""The local Apify, to run DAGs against with no account and no cost: see the package ``local_apify``."""

from __future__ import annotations

from local_apify import (
    Actor,
    ActorContext,
    Control,
    Exchange,
    Ledger,
    LedgerRun,
    LocalApify,
    RunEnd,
    Settings,
    actor,
    expected_crawl,
    scenario_item,
    shop_pages,
)

__all__ = [
    "Actor",
    "ActorContext",
    "Control",
    "Exchange",
    "Ledger",
    "LedgerRun",
    "LocalApify",
    "RunEnd",
    "Settings",
    "actor",
    "expected_crawl",
    "scenario_item",
    "shop_pages",
]
