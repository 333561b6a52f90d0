"""Webhooks and their dispatches."""

from __future__ import annotations

from starlette.responses import Response

from local_apify.api.answers import data, page_of
from local_apify.api.call import Call
from local_apify.api.endpoint import Endpoint
from local_apify.api.webhook_views import (
    dispatch_shape,
    short_webhook_shape,
    webhook_fields,
    webhook_from,
    webhook_shape,
)
from local_apify.world.errors import ApiError, not_found
from local_apify.world.webhooks import Webhook

MAX_WEBHOOKS = 100


def _find(call: Call) -> Webhook:
    webhook = call.world.webhooks.all.get(call.path["webhookId"])
    if webhook is None:
        raise not_found("Webhook")
    return webhook


def _answer(call: Call, webhook: Webhook, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return data(webhook_shape(webhook, call.world.webhooks), status, headers)


async def list_webhooks(call: Call) -> Response:
    """List webhooks: all, or those of an Actor or task."""
    webhooks = [webhook for webhook in call.world.webhooks.all.values() if not webhook.came_with_start]
    if "actorId" in call.path:
        webhooks = [each for each in webhooks if each.condition.get("actorId") == call.find_actor().id]
    if "actorTaskId" in call.path:
        webhooks = [each for each in webhooks if each.condition.get("actorTaskId") == call.find_task().id]
    return page_of(call, webhooks, lambda webhook: short_webhook_shape(webhook, call.world.webhooks))


async def create(call: Call) -> Response:
    """Create a webhook, or find the one that was created with this idempotency key."""
    body = await call.body.json_object()
    webhook = webhook_from(body, is_ad_hoc=body.get("isAdHoc", bool) or False)
    if not any(webhook.condition.values()):
        raise ApiError(400, "invalid-input", "A webhook's condition needs an actorId, actorTaskId or actorRunId.")
    webhooks = call.world.webhooks
    is_full = not webhook.is_ad_hoc and sum(not each.is_ad_hoc for each in webhooks.all.values()) >= MAX_WEBHOOKS
    if is_full and webhooks.known(webhook) is None:
        raise ApiError(403, "too-many-webhooks", f"An account has at most {MAX_WEBHOOKS} webhooks.")
    known = webhooks.add(webhook)
    return _answer(call, known, 201, {"Location": f"{call.base_url}/v2/webhooks/{known.id}"})


async def get(call: Call) -> Response:
    """Get a webhook."""
    return _answer(call, _find(call))


async def update(call: Call) -> Response:
    """Change a webhook."""
    webhook = _find(call)
    call.world.webhooks.change(webhook, webhook_fields(await call.body.json_object()))
    return _answer(call, webhook)


async def delete(call: Call) -> Response:
    """Delete a webhook."""
    call.world.webhooks.forget(_find(call))
    return Response(status_code=204)


async def test(call: Call) -> Response:
    """Send a made-up event to a webhook."""
    webhook = _find(call)
    event_data = {"actorId": webhook.condition.get("actorId") or "test", "actorRunId": "test"}
    dispatch = call.world.webhooks.dispatch(webhook, "TEST", event_data, {"id": "test", "userId": call.world.user.id})
    return data(dispatch_shape(dispatch, call.world.user), 201)


async def list_dispatches(call: Call) -> Response:
    """List dispatches: all, or those of a webhook."""
    dispatches = list(call.world.webhooks.dispatches.values())
    if "webhookId" in call.path:
        webhook = _find(call)
        dispatches = [dispatch for dispatch in dispatches if dispatch.webhook is webhook]
    return page_of(call, dispatches, lambda dispatch: dispatch_shape(dispatch, call.world.user))


async def get_dispatch(call: Call) -> Response:
    """Get a dispatch with all its calls."""
    dispatch = call.world.webhooks.dispatches.get(call.path["dispatchId"])
    if dispatch is None:
        raise not_found("Webhook dispatch")
    return data(dispatch_shape(dispatch, call.world.user))


ENDPOINTS = [
    Endpoint("GET", "/v2/webhooks", list_webhooks),
    Endpoint("POST", "/v2/webhooks", create),
    Endpoint("GET", "/v2/webhooks/{webhookId}", get),
    Endpoint("PUT", "/v2/webhooks/{webhookId}", update),
    Endpoint("DELETE", "/v2/webhooks/{webhookId}", delete),
    Endpoint("POST", "/v2/webhooks/{webhookId}/test", test),
    Endpoint("GET", "/v2/webhooks/{webhookId}/dispatches", list_dispatches),
    Endpoint("GET", "/v2/webhook-dispatches", list_dispatches),
    Endpoint("GET", "/v2/webhook-dispatches/{dispatchId}", get_dispatch),
    Endpoint("GET", "/v2/actors/{actorId}/webhooks", list_webhooks),
    Endpoint("GET", "/v2/actor-tasks/{actorTaskId}/webhooks", list_webhooks),
]
