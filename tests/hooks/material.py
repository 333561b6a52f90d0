"""What tests of the hook's methods share."""

from __future__ import annotations

from airflow_provider_apify.options import RetryPolicy, Target
from local_apify import LocalApify

QUICK = RetryPolicy(attempts=3, first_delay=0.001, max_delay=0.002)
SCENARIO = Target("actor", "apify/scenario")


def count(apify: LocalApify, route: str) -> int:
    return apify.control.ledger().requests_by_route.get(route, 0)
