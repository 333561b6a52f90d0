"""``/control``: faults, the ledger, settings and reset, outside the API."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from starlette.responses import Response
from starlette.routing import Route

from local_apify.api.bodies import JsonResponse
from local_apify.api.starts import start_action
from local_apify.world.errors import ApiError
from local_apify.world.faults import Fault

if TYPE_CHECKING:
    from starlette.requests import Request

    from local_apify.api.operation import Site


class ControlRoom:
    """The handlers of ``/control``. They need no token: the server is for tests, on loopback."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/control/faults", self.list_faults, methods=["GET"]),
            Route("/control/faults", self.add_fault, methods=["POST"]),
            Route("/control/faults", self.clear_faults, methods=["DELETE"]),
            Route("/control/settings", self.change_settings, methods=["PATCH"]),
            Route("/control/ledger", self.ledger),
            Route("/control/token", self.rotate_token, methods=["PUT"]),
            Route("/control/past-runs", self.add_past_runs, methods=["POST"]),
            Route("/control/schedules/{id}/fire", self.fire_schedule, methods=["POST"]),
            Route("/control/reset", self.reset, methods=["POST"]),
        ]

    async def list_faults(self, _request: Request) -> Response:
        """List the rules in force."""
        return JsonResponse(self._site.realm.faults.to_json())

    async def add_fault(self, request: Request) -> Response:
        """Put a rule in force."""
        try:
            fault = Fault.from_json(await request.json())
        except ValueError as error:
            return JsonResponse({"error": str(error)}, 400)
        self._site.realm.faults.add(fault)
        return JsonResponse(fault.to_json(), 201)

    async def clear_faults(self, _request: Request) -> Response:
        """Drop all rules."""
        self._site.realm.faults.clear()
        return Response(status_code=204)

    async def change_settings(self, request: Request) -> Response:
        """Change settings, and answer with all of them."""
        realm = self._site.realm
        try:
            realm.settings = realm.settings.changed(await request.json())
        except ValueError as error:
            return JsonResponse({"error": str(error)}, 400)
        return JsonResponse(asdict(realm.settings))

    async def ledger(self, request: Request) -> Response:
        """Answer with the ledger; ``slim=1`` leaves out headers."""
        return JsonResponse(asdict(self._site.realm.ledger(slim=request.query_params.get("slim") == "1")))

    async def rotate_token(self, request: Request) -> Response:
        """Accept another token, and refuse the one before."""
        realm = self._site.realm
        realm.first.user = replace(realm.first.user, token=(await request.json())["token"])
        realm.faults.token_is_expired = False
        return Response(status_code=204)

    async def add_past_runs(self, request: Request) -> Response:
        """Give an Actor a history, and answer with the ids of its runs."""
        world, body = self._site.realm.first, await request.json()
        try:
            actor = world.find_actor(body["actor"])
        except ApiError as error:
            return JsonResponse({"error": error.message}, 400)
        times = map(datetime.fromisoformat, body["started"])
        runs = [world.add_past_run(actor, moment, user_agent=body["user_agent"]) for moment in times]
        return JsonResponse([run.id for run in runs], 201)

    async def fire_schedule(self, request: Request) -> Response:
        """Let a schedule start its runs now."""
        identifier = request.path_params["id"]
        for world in self._site.realm.worlds:
            if identifier in world.schedules.all:
                world.schedules.all[identifier].invoke(partial(start_action, world))
                return Response(status_code=204)
        return JsonResponse({"error": "There is no such schedule."}, 400)

    async def reset(self, _request: Request) -> Response:
        """Start afresh."""
        await self._site.reset()
        return Response(status_code=204)
