"""Which HTTP request each operation on webhooks is. No I/O.

Reference: https://docs.apify.com/api/v2
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from airflow_provider_apify._api.actors import get_target
from airflow_provider_apify._api.facts import MAX_PAGE
from airflow_provider_apify._api.flows import Flow, call_data
from airflow_provider_apify._api.request import NO_CONTENT, Request, query, segment, target_path
from airflow_provider_apify.models.webhooks import Webhook, WebhookSpec, changes, idempotency_key
from airflow_provider_apify.options import RetryPolicy, Target


def create_webhook(body: Mapping[str, Any]) -> Request:
    """``POST /v2/webhooks``: creates a webhook, or returns the one that came with its ``idempotencyKey`` before."""
    return Request("POST", "/v2/webhooks", body=json.dumps(body).encode(), retry_safe="idempotencyKey" in body)


def get_webhook(webhook_id: str) -> Request:
    """``GET /v2/webhooks/{webhookId}``."""
    return Request("GET", _webhook(webhook_id))


def update_webhook(webhook_id: str, body: Mapping[str, Any]) -> Request:
    """``PUT /v2/webhooks/{webhookId}``: changes the fields that are given."""
    return Request("PUT", _webhook(webhook_id), body=json.dumps(body).encode())


def delete_webhook(webhook_id: str) -> Request:
    """``DELETE /v2/webhooks/{webhookId}``."""
    return Request("DELETE", _webhook(webhook_id), done_status=NO_CONTENT)


def test_webhook(webhook_id: str) -> Request:
    """``POST /v2/webhooks/{webhookId}/test``: its receiver is called with each."""
    return Request("POST", f"{_webhook(webhook_id)}/test", retry_safe=False)


def list_webhooks(target: Target | None, *, offset: int) -> Request:
    """``GET /v2/actors/{actorId}/webhooks``, ``GET /v2/actor-tasks/{actorTaskId}/webhooks`` or ``GET /v2/webhooks``."""
    path = f"{target_path(target)}/webhooks" if target else "/v2/webhooks"
    return Request("GET", path, _page(offset, desc=False))


def list_dispatches(*, offset: int) -> Request:
    """``GET /v2/webhook-dispatches``: newest first."""
    return Request("GET", "/v2/webhook-dispatches", _page(offset, desc=True))


def get_dispatch(dispatch_id: str) -> Request:
    """``GET /v2/webhook-dispatches/{dispatchId}``."""
    return Request("GET", f"/v2/webhook-dispatches/{segment(dispatch_id)}")


def _page(offset: int, *, desc: bool) -> dict[str, str]:
    return query({"offset": offset, "limit": MAX_PAGE, "desc": desc})


def _webhook(webhook_id: str) -> str:
    return f"/v2/webhooks/{segment(webhook_id)}"


def ensure_webhook(target: Target, spec: WebhookSpec, retry: RetryPolicy) -> Flow[Webhook]:
    """Create a webhook, or change the one that is there already where it is not as it should be."""
    # Apify compares the IDs of its runs with the condition, so a name would match nothing.
    target_id = (yield from call_data(get_target(target), retry))["id"]
    wanted = spec.body({"actorId" if target.kind == "actor" else "actorTaskId": target_id})
    request = create_webhook({**wanted, "idempotencyKey": idempotency_key(wanted, spec.identity)})
    found = yield from call_data(request, retry)
    differing = changes(wanted, found)
    if differing:
        found = yield from call_data(update_webhook(found["id"], differing), retry)
    return Webhook.from_api(found)
