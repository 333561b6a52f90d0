"""The Actors that every local Apify has."""

from __future__ import annotations

from local_apify.actors.crawler import website_content_crawler
from local_apify.actors.hello import hello_world
from local_apify.actors.legacy import legacy_phantomjs_crawler
from local_apify.actors.scenario import scenario

BUILT_IN = (hello_world, legacy_phantomjs_crawler, scenario, website_content_crawler)
