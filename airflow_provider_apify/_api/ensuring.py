"""Webhooks that are to be there, once, as they are described. No I/O."""

from __future__ import annotations

from airflow_provider_apify._api import endpoints, webhook_endpoints
from airflow_provider_apify._api.flows import Flow, RetryPolicy, call_data
from airflow_provider_apify.options import Target
from airflow_provider_apify.webhooks import Webhook, WebhookSpec, changes, idempotency_key


def ensure_webhook(target: Target, spec: WebhookSpec, retry: RetryPolicy) -> Flow[Webhook]:
    """Create a webhook, or change the one that is there already where it is not as it should be."""
    # Apify compares the IDs of its runs with the condition, so a name would match nothing.
    target_id = (yield from call_data(endpoints.get_target(target), retry))["id"]
    wanted = spec.body({"actorId" if target.kind == "actor" else "actorTaskId": target_id})
    request = webhook_endpoints.create_webhook({**wanted, "idempotencyKey": idempotency_key(wanted)})
    found = yield from call_data(request, retry)
    differing = changes(wanted, found)
    if differing:
        found = yield from call_data(webhook_endpoints.update_webhook(found["id"], differing), retry)
    return Webhook.from_api(found)
