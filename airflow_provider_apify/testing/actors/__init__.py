"""The Actors that every local Apify has."""

from __future__ import annotations

from airflow_provider_apify.testing.actors.crawler import website_content_crawler
from airflow_provider_apify.testing.actors.hello import hello_world
from airflow_provider_apify.testing.actors.legacy import legacy_phantomjs_crawler
from airflow_provider_apify.testing.actors.scenario import scenario

BUILT_IN = (hello_world, legacy_phantomjs_crawler, scenario, website_content_crawler)
