"""A connection with limits on money, and an account that has spent some."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.local_apify.client import Client

if TYPE_CHECKING:
    import pytest

    from local_apify import LocalApify
    from local_apify.world.ledger import LedgerRun

LIMITS = "GET /v2/users/me/limits"
_PAGE_USD = 0.01


def limit(apify: LocalApify, monkeypatch: pytest.MonkeyPatch, *, token: str | None = None, **extra: Any) -> None:
    """Let ``apify_default`` lead to a local Apify, with limits in its extra."""
    quick = {"cost_settle_seconds": 0, "start_settle_seconds": 0.5}
    connection = {"conn_type": "apify", "host": apify.base_url, "password": token or apify.token}
    monkeypatch.setenv("AIRFLOW_CONN_APIFY_DEFAULT", json.dumps({**connection, "extra": {**quick, **extra}}))


def spend(apify: LocalApify, dollars: float) -> None:
    """Have a run charge so much; the ledger begins with it."""
    apify.control.settings(cost_settles_seconds=0)
    client = Client(apify)
    with client.session:
        client.finish({"chargedEvents": {"page": round(dollars / _PAGE_USD)}})


def started(apify: LocalApify) -> list[LedgerRun]:
    """Return the runs beside the one that has spent."""
    return list(apify.control.ledger().runs)[1:]


def asked(apify: LocalApify) -> int:
    """Return how often the account's limits were read."""
    return apify.control.ledger().requests.get(LIMITS, 0)
