"""What no log shows, at any level: the webhooks of a start travel in its URL, and their headers hold secrets."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.options import Target
from local_apify import LocalApify

SCENARIO = Target("actor", "apify/scenario")
WEBHOOKS: list[dict[str, Any]] = [
    {
        "eventTypes": ["ACTOR.RUN.SUCCEEDED"],
        "requestUrl": "http://127.0.0.1:9/never-shown",
        "headersTemplate": '{"Authorization": "Bearer never-shown"}',
    }
]
SENT = base64.b64encode(json.dumps(WEBHOOKS).encode()).decode()


def is_shown(text: str) -> bool:
    """Tell whether a text shows the webhooks, in any form in which they travel."""
    return any(form in text for form in ("never-shown", SENT, quote(SENT, safe="")))


def test_the_webhooks_of_a_start_are_in_no_log(apify: LocalApify, logged: Callable[[], str]) -> None:
    ApifyHook().start_run(SCENARIO, {"durationSecs": 60}, options={"webhooks": WEBHOOKS, "build": "latest"})
    text = logged()

    assert apify.control.ledger().runs_started == 1
    assert "/v2/actors/apify~scenario/runs?" in text
    assert "webhooks=***" in text
    assert "build=latest" in text
    assert not is_shown(text)


async def test_the_webhooks_of_a_start_on_the_event_loop_are_in_no_log(
    apify: LocalApify, logged: Callable[[], str]
) -> None:
    options = {"webhooks": WEBHOOKS}
    await ApifyHook().async_start_run_once("key", SCENARIO, since=datetime.now(UTC), options=options)

    assert apify.control.ledger().runs_started == 1
    assert not is_shown(logged())
