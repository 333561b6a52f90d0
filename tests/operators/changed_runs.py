"""What the tests of tasks that change a run have in common."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from local_apify import LocalApify

SCENARIO = "apify/scenario"
HELLO = "apify/hello-world"
ONE_RETRY: dict[str, Any] = {"task_id": "task", "retries": 1, "retry_delay": timedelta(0)}


def requests_of(apify: LocalApify, ending: str) -> int:
    """Return how often a run was asked to change."""
    return apify.control.ledger().requests.get(f"POST /v2/actor-runs/{{runId}}/{ending}", 0)
