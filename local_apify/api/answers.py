"""Answers in Apify's envelope."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from local_apify.api.bodies import JsonResponse
from local_apify.api.call import Call

if TYPE_CHECKING:
    from starlette.responses import Response

T = TypeVar("T")
MAX_LIST = 1000


def data(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Answer with a value in Apify's envelope."""
    return JsonResponse({"data": value}, status, headers)


def page_of(call: Call, things: Sequence[T], shape: Callable[[T], dict[str, Any]], **more: Any) -> Response:
    """Answer with a page of a list that comes oldest first, as ``offset``, ``limit`` and ``desc`` ask."""
    offset = call.query.integer("offset") or 0
    limit = call.query.integer("limit", maximum=MAX_LIST) or MAX_LIST
    desc = call.query.flag("desc")
    ordered = things[::-1] if desc else things
    items = [shape(thing) for thing in ordered[offset : offset + limit]]
    return data(
        {
            "total": len(things),
            "offset": offset,
            "limit": limit,
            "desc": desc,
            "count": len(items),
            "items": items,
            **more,
        }
    )
