"""A local Apify: a faithful small server to run DAGs against, with no account and no cost.

On the command line::

    python -m airflow_provider_apify.testing --port 8010

In a test::

    with LocalApify() as apify:
        ...  # apify.base_url, apify.token, apify.control
"""

from __future__ import annotations

from airflow_provider_apify.testing.actor import Actor, ActorContext, RunEnd, actor
from airflow_provider_apify.testing.actors.scenario import scenario_item
from airflow_provider_apify.testing.api.operation import Exchange
from airflow_provider_apify.testing.control import Control
from airflow_provider_apify.testing.ledger import Ledger, LedgerRun
from airflow_provider_apify.testing.server import LocalApify
from airflow_provider_apify.testing.settings import Settings
from airflow_provider_apify.testing.shop import expected_crawl, shop_pages

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
