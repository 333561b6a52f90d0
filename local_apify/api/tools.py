"""Tools beside the platform: what the server sees of a request, and signed values."""

from __future__ import annotations

import base64
import binascii
import json
from typing import TYPE_CHECKING, Any

from local_apify.api.answers import data
from local_apify.api.bodies import JsonResponse
from local_apify.api.call import Call
from local_apify.api.endpoint import Endpoint
from local_apify.api.starts import SECRET_HEADERS
from local_apify.world.errors import ApiError
from local_apify.world.signatures import signature_of

if TYPE_CHECKING:
    from starlette.responses import Response

_ON = frozenset({"1", "true"})


async def browser_info(call: Call) -> Response:
    """Say what a request looks like from here; secrets are left out."""
    request = call.request
    headers = [(name, value) for name, value in request.headers.items() if name.lower() not in SECRET_HEADERS]
    shape: dict[str, Any] = {
        "method": request.method,
        "clientIp": request.client.host if request.client else None,
        "countryCode": None,
        "bodyLength": len(await call.body.read()),
    }
    if (call.query.text("skipHeaders") or "").lower() not in _ON:
        shape["headers"] = dict(headers)
    if (call.query.text("rawHeaders") or "").lower() in _ON:
        shape["rawHeaders"] = [text for header in headers for text in header]
    return JsonResponse(shape)


async def encode_and_sign(call: Call) -> Response:
    """Sign a JSON object in the name of the user."""
    body = await call.body.json_object()
    text = json.dumps({"value": body.values, "userId": call.world.user.id}, ensure_ascii=False)
    packed = base64.urlsafe_b64encode(text.encode(errors="backslashreplace")).decode()
    return data({"encoded": f"{packed}.{signature_of(call.realm.secret, packed)}"})


async def decode_and_verify(call: Call) -> Response:
    """Return a JSON object that was signed here, and who signed it."""
    packed, _, signature = ((await call.body.json_object()).get("encoded", str) or "").rpartition(".")
    if not packed.isascii() or not packed or signature != signature_of(call.realm.secret, packed):
        raise _not_ours()
    try:
        signed = json.loads(base64.urlsafe_b64decode(packed))
    except (binascii.Error, ValueError):
        raise _not_ours() from None
    return data({"decoded": signed["value"], "encodedByUserId": signed["userId"], "isVerifiedUser": True})


def _not_ours() -> ApiError:
    return ApiError(400, "invalid-value", "The value was not encoded and signed here.")


ENDPOINTS = [
    *[
        Endpoint(method, "/v2/browser-info", browser_info, is_public=True)
        for method in ("GET", "POST", "PUT", "DELETE")
    ],
    Endpoint("POST", "/v2/tools/encode-and-sign", encode_and_sign),
    Endpoint("POST", "/v2/tools/decode-and-verify", decode_and_verify, is_public=True),
]
