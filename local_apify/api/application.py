"""The local Apify as an ASGI application."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from local_apify.actors.shop import shop_pages
from local_apify.api import (
    actors,
    builds,
    catalog,
    runs,
    schedules,
    storages,
    tasks,
    tools,
    users,
    versions,
    web_fetch,
    webhooks,
)
from local_apify.api.bodies import JsonResponse
from local_apify.api.call import Call
from local_apify.api.control import ControlRoom
from local_apify.api.endpoint import Endpoint
from local_apify.api.operation import Operation, Site
from local_apify.api.pages import Pages
from local_apify.world.errors import ApiError

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp, Receive, Scope, Send

ENDPOINTS: tuple[Endpoint, ...] = (
    *actors.ENDPOINTS,
    *builds.ENDPOINTS,
    *catalog.ENDPOINTS,
    *runs.ENDPOINTS,
    *schedules.ENDPOINTS,
    *storages.ENDPOINTS,
    *tasks.ENDPOINTS,
    *tools.ENDPOINTS,
    *users.ENDPOINTS,
    *versions.ENDPOINTS,
    *webhooks.ENDPOINTS,
)
"""Every operation of the API that is served here."""

_ALIAS, _CANONICAL = "/v2/acts", "/v2/actors"
_PLAIN = "~!$&'()*+,;=:@"
_SHOP = {page.path: page.html for page in shop_pages()}


async def _shop_page(call: Call) -> Response:
    html = _SHOP.get(call.request.url.path)
    if html is None:
        return Response(b"Not found", 404, media_type="text/plain")
    return Response(html, media_type="text/html; charset=utf-8")


async def _http_error(request: Request, error: Exception) -> Response:
    if isinstance(error, HTTPException) and error.status_code == 405:  # noqa: PLR2004 - method not allowed
        allowed = ", ".join(sorted((error.headers or {}).get("Allow", "").split(", ")))
        message = f"This API end-point can only be accessed using the following HTTP methods: {allowed}"
        return JsonResponse(ApiError(405, "method-not-allowed", message).to_body(), 405, {"Allow": allowed})
    message = f"We have bad news: there is no API endpoint at {request.url.path}. Did you specify it correctly?"
    return JsonResponse(ApiError(404, "page-not-found", message).to_body(), 404)


class Application:
    """Everything that is served: the API, the shop, Web Fetch, pages to look at, and the control of the server."""

    def __init__(self, site: Site) -> None:
        beside = (Endpoint("GET", "/shop/{path:path}", _shop_page, is_public=True), web_fetch.ENDPOINT)
        self._app: ASGIApp = Starlette(
            routes=[
                *_routes((*ENDPOINTS, *beside), site),
                *ControlRoom(site).routes(),
                *Pages(site).routes(),
            ],
            exception_handlers={HTTPException: _http_error},
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http":
            scope["path"] = _canonical(scope["raw_path"].decode("latin-1"))
        await self._app(scope, receive, send)


def _canonical(raw_path: str) -> str:
    """Return a path in one spelling, still quoted: an encoded slash is part of a name and must not separate two.

    The deprecated spelling of Actors is taken for the canonical one, a slash at the end of a path of the API for none.
    """
    path = "/".join(quote(unquote(part), safe=_PLAIN) for part in raw_path.split("/"))
    path = path.rstrip("/") if path.startswith("/v2/") else path
    is_alias = path == _ALIAS or path.startswith(f"{_ALIAS}/")
    return _CANONICAL + path.removeprefix(_ALIAS) if is_alias else path


def _routes(endpoints: Iterable[Endpoint], site: Site) -> list[Route]:
    """Return a route for each template, which knows all of its methods."""
    templates: dict[str, dict[str, Operation]] = defaultdict(dict)
    for endpoint in endpoints:
        templates[endpoint.template][endpoint.method] = Operation(endpoint, site)
    return [Route(template, _Methods(each), methods=list(each)) for template, each in templates.items()]


class _Methods:
    """The operations of one template, by their methods, as an ASGI application."""

    def __init__(self, operations: Mapping[str, Operation]) -> None:
        self._operations = operations

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; HEAD by GET, unless it has an operation of its own."""
        operation = self._operations.get(scope["method"]) or self._operations["GET"]
        await operation(scope, receive, send)
