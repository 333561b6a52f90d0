"""Webhooks and dispatches, read from and written as JSON."""

from __future__ import annotations

from typing import Any

from airflow_provider_apify.testing.account import USER_ID
from airflow_provider_apify.testing.clock import iso
from airflow_provider_apify.testing.errors import ApiError
from airflow_provider_apify.testing.webhooks import EVENT_TYPES, Dispatch, Webhook, Webhooks

_FIELDS = {
    "eventTypes": "event_types",
    "requestUrl": "request_url",
    "condition": "condition",
    "payloadTemplate": "payload_template",
    "headersTemplate": "headers_template",
    "description": "description",
    "shouldInterpolateStrings": "should_interpolate_strings",
    "ignoreSslErrors": "ignore_ssl_errors",
    "doNotRetry": "do_not_retry",
    "idempotencyKey": "idempotency_key",
}


def webhook_from(body: Any, *, is_ad_hoc: bool = False) -> Webhook:
    """Build a webhook from its JSON.

    :raises ApiError: something is missing or wrong.
    """
    if not isinstance(body, dict):
        raise ApiError(400, "invalid-input", "A webhook must be a JSON object.")
    values = webhook_fields(body)
    missing = [name for name in ("eventTypes", "requestUrl") if _FIELDS[name] not in values]
    if missing:
        raise ApiError(400, "invalid-input", f"A webhook needs {' and '.join(missing)}.")
    return Webhook(**({"condition": {}} | values), is_ad_hoc=is_ad_hoc)


def webhook_fields(body: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a webhook that its JSON gives.

    :raises ApiError: a value is wrong.
    """
    values = {field: body[name] for name, field in _FIELDS.items() if body.get(name) is not None}
    if "event_types" in values:
        values["event_types"] = tuple(values["event_types"])
        unknown = sorted(set(values["event_types"]) - EVENT_TYPES)
        if unknown:
            raise ApiError(400, "invalid-input", f"There is no event type {', '.join(unknown)}.")
    if not str(values.get("request_url", "http:")).startswith(("http:", "https:")):
        raise ApiError(400, "invalid-input", "The requestUrl of a webhook must be an http or https URL.")
    return values


def webhook_shape(webhook: Webhook, webhooks: Webhooks) -> dict[str, Any]:
    """Write a webhook as the API does."""
    return short_webhook_shape(webhook, webhooks) | {
        "payloadTemplate": webhook.payload_template,
        "headersTemplate": webhook.headers_template,
        "description": webhook.description,
    }


def short_webhook_shape(webhook: Webhook, webhooks: Webhooks) -> dict[str, Any]:
    """Write a webhook as it stands in lists."""
    dispatches = [each for each in webhooks.dispatches.values() if each.webhook is webhook]
    last = dispatches[-1] if dispatches else None
    return {
        "id": webhook.id,
        "createdAt": iso(webhook.created_at),
        "modifiedAt": iso(webhook.modified_at),
        "userId": USER_ID,
        "isAdHoc": webhook.is_ad_hoc,
        "shouldInterpolateStrings": webhook.should_interpolate_strings,
        "eventTypes": list(webhook.event_types),
        "condition": dict(webhook.condition),
        "ignoreSslErrors": webhook.ignore_ssl_errors,
        "doNotRetry": webhook.do_not_retry,
        "requestUrl": webhook.request_url,
        "lastDispatch": {"status": last.status, "finishedAt": _moment(last)} if last else None,
        "stats": {"totalDispatches": len(dispatches)},
    }


def dispatch_shape(dispatch: Dispatch) -> dict[str, Any]:
    """Write a dispatch as the API does."""
    webhook = dispatch.webhook
    return {
        "id": dispatch.id,
        "userId": USER_ID,
        "webhookId": webhook.id,
        "createdAt": iso(dispatch.created_at),
        "status": dispatch.status,
        "eventType": dispatch.event_type,
        "eventData": dict(dispatch.event_data),
        "webhook": {
            "condition": dict(webhook.condition),
            "requestUrl": webhook.request_url,
            "isAdHoc": webhook.is_ad_hoc,
        },
        "calls": dispatch.calls,
    }


def _moment(dispatch: Dispatch) -> str | None:
    return iso(dispatch.finished_at) if dispatch.finished_at else None
