"""A local Apify: a faithful small server to run DAGs against, with no account and no cost.

On the command line::

    python -m local_apify --port 8010

In a test::

    with LocalApify() as apify:
        ...  # apify.base_url, apify.token, apify.control
"""

from __future__ import annotations

from local_apify.actors.scenario import scenario_item
from local_apify.actors.shop import expected_crawl, shop_pages
from local_apify.api.operation import Exchange
from local_apify.control import Control
from local_apify.server import LocalApify
from local_apify.settings import Settings
from local_apify.world.actor import Actor
from local_apify.world.context import ActorContext, RunEnd, actor
from local_apify.world.ledger import Ledger, LedgerRun

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
