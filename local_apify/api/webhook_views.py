"""Webhooks and dispatches, read from and written as JSON."""

from __future__ import annotations

from typing import Any

from local_apify.api.bodies import JsonObject
from local_apify.world.account import User
from local_apify.world.clock import iso
from local_apify.world.errors import ApiError
from local_apify.world.webhook_templates import headers_of
from local_apify.world.webhooks import EVENT_TYPES, Dispatch, Webhook, Webhooks

_FIELDS: dict[str, tuple[str, type]] = {
    "eventTypes": ("event_types", list),
    "requestUrl": ("request_url", str),
    "condition": ("condition", dict),
    "payloadTemplate": ("payload_template", str),
    "headersTemplate": ("headers_template", str),
    "description": ("description", str),
    "shouldInterpolateStrings": ("should_interpolate_strings", bool),
    "ignoreSslErrors": ("ignore_ssl_errors", bool),
    "doNotRetry": ("do_not_retry", bool),
    "idempotencyKey": ("idempotency_key", str),
}
_CONDITIONS = ("actorId", "actorTaskId", "actorRunId")
_NULLABLE = ("payloadTemplate", "headersTemplate", "description")


def webhook_from(body: JsonObject, *, is_ad_hoc: bool = False) -> Webhook:
    """Build a webhook from its JSON.

    :raises ApiError: something is missing or wrong.
    """
    values = webhook_fields(body)
    missing = [name for name in ("eventTypes", "requestUrl") if _FIELDS[name][0] not in values]
    if missing:
        raise ApiError(400, "invalid-input", f"A webhook needs {' and '.join(missing)}.")
    return Webhook(**({"condition": {}} | values), is_ad_hoc=is_ad_hoc)


def webhook_fields(body: JsonObject) -> dict[str, Any]:
    """Return the fields of a webhook that its JSON gives.

    :raises ApiError: a value is wrong.
    """
    read: dict[str, Any] = {field: body.get(name, kind) for name, (field, kind) in _FIELDS.items()}
    unset = {_FIELDS[name][0] for name in _NULLABLE if name in body}
    values = {field: value for field, value in read.items() if value is not None or field in unset}
    _check_events(body)
    _check_condition(body)
    if not values.get("request_url", "http:").startswith(("http:", "https:")):
        raise ApiError(400, "invalid-input", "The requestUrl of a webhook must be an http or https URL.")
    _check_headers(values.get("headers_template"))
    return values


def _check_headers(template: str | None) -> None:
    """Check that a template makes headers.

    :raises ApiError: it does not.
    """
    try:
        headers_of(template or "{}", {})
    except ValueError as error:
        message = f"The headersTemplate of a webhook must make a JSON object: {error}."
        raise ApiError(400, "invalid-input", message) from None


def _check_events(body: JsonObject) -> None:
    events = body.texts("eventTypes")
    unknown = [event for event in events or () if event not in EVENT_TYPES]
    if unknown:
        raise ApiError(400, "invalid-input", f"There is no event type {', '.join(unknown)}.")
    if events == []:
        raise ApiError(400, "invalid-input", "A webhook needs an event type.")


def _check_condition(body: JsonObject) -> None:
    given = body.get("condition", dict)
    if given is None:
        return
    named = [JsonObject(given).get(name, str) for name in _CONDITIONS]
    if given.keys() - _CONDITIONS or not any(named):
        raise ApiError(400, "invalid-input", "A webhook's condition is an actorId, actorTaskId or actorRunId.")


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
        "userId": webhooks.user.id,
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


def dispatch_shape(dispatch: Dispatch, user: User) -> dict[str, Any]:
    """Write a dispatch as the API does."""
    webhook = dispatch.webhook
    return {
        "id": dispatch.id,
        "userId": user.id,
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
