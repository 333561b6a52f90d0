"""``/control``: faults, the ledger, settings and reset, outside the API."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from airflow_provider_apify.testing.api.operation import Site
from airflow_provider_apify.testing.faults import Fault

if TYPE_CHECKING:
    from starlette.requests import Request


def control_routes(site: Site) -> list[Route]:
    """Return the routes of ``/control``. They need no token: the server is for tests, on loopback."""

    async def faults(request: Request) -> Response:
        rules = site.world.faults
        if request.method == "DELETE":
            rules.clear()
        elif request.method == "POST":
            try:
                fault = Fault.from_json(await request.json())
            except ValueError as error:
                return JSONResponse({"error": str(error)}, 400)
            rules.add(fault)
            return JSONResponse(fault.to_json(), 201)
        return JSONResponse(rules.to_json())

    async def settings(request: Request) -> Response:
        world = site.world
        if request.method == "PATCH":
            try:
                world.settings = world.settings.changed(await request.json())
            except ValueError as error:
                return JSONResponse({"error": str(error)}, 400)
        return JSONResponse(asdict(world.settings))

    async def ledger(request: Request) -> Response:
        return JSONResponse(asdict(site.world.ledger(slim=request.query_params.get("slim") == "1")))

    async def reset(_request: Request) -> Response:
        await site.reset()
        return Response(status_code=204)

    return [
        Route("/control/faults", faults, methods=["GET", "POST", "DELETE"]),
        Route("/control/settings", settings, methods=["GET", "PATCH"]),
        Route("/control/ledger", ledger),
        Route("/control/reset", reset, methods=["POST"]),
    ]
