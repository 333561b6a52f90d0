"""``/control``: faults, the ledger, settings and reset, outside the API."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import asdict, replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import Route

from local_apify.api.bodies import JsonObject, JsonResponse, parse_json
from local_apify.api.starts import start_action
from local_apify.world.errors import ApiError
from local_apify.world.faults import Fault

if TYPE_CHECKING:
    from starlette.requests import Request

    from local_apify.api.operation import Site

Answering = Callable[["Request"], Awaitable[Response]]
_TOKEN = re.compile(r"[!-~]+")


def _explained(handler: Answering) -> Answering:
    """Let a handler that cannot use what it was given say what to give."""

    async def explained(request: Request) -> Response:
        try:
            return await handler(request)
        except (ApiError, ValueError) as error:
            return JsonResponse({"error": str(error)}, 400)
        except ClientDisconnect:
            return Response(status_code=400)  # nobody is there to be answered

    return explained


async def _json(request: Request) -> Any:
    return parse_json(await request.body(), "invalid-input")


def _moment(text: Any) -> datetime:
    """Read a time in UTC.

    :raises ValueError: it is none, or has no time zone.
    """
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        pass
    raise ValueError('Give when runs have "started" as date-times in ISO 8601, each with a time zone.')


class ControlRoom:
    """The handlers of ``/control``. They need no token: the server is for tests, on loopback."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/control/faults", self.list_faults, methods=["GET"]),
            Route("/control/faults", _explained(self.add_fault), methods=["POST"]),
            Route("/control/faults", self.clear_faults, methods=["DELETE"]),
            Route("/control/settings", _explained(self.change_settings), methods=["PATCH"]),
            Route("/control/ledger", self.ledger),
            Route("/control/token", _explained(self.rotate_token), methods=["PUT"]),
            Route("/control/past-runs", _explained(self.add_past_runs), methods=["POST"]),
            Route("/control/schedules/{id}/fire", _explained(self.fire_schedule), methods=["POST"]),
            Route("/control/reset", self.reset, methods=["POST"]),
        ]

    async def list_faults(self, _request: Request) -> Response:
        """List the rules in force."""
        return JsonResponse(self._site.realm.faults.to_json())

    async def add_fault(self, request: Request) -> Response:
        """Put a rule in force."""
        fault = Fault.from_json(await _json(request))
        self._site.realm.faults.add(fault)
        return JsonResponse(fault.to_json(), 201)

    async def clear_faults(self, _request: Request) -> Response:
        """Drop all rules."""
        self._site.realm.faults.clear()
        return Response(status_code=204)

    async def change_settings(self, request: Request) -> Response:
        """Change settings, and answer with all of them."""
        realm = self._site.realm
        realm.settings = realm.settings.changed(await _json(request))
        return JsonResponse(asdict(realm.settings))

    async def ledger(self, request: Request) -> Response:
        """Answer with the ledger; ``slim=1`` leaves out headers."""
        return JsonResponse(asdict(self._site.realm.ledger(slim=request.query_params.get("slim") == "1")))

    async def rotate_token(self, request: Request) -> Response:
        """Accept another token, and refuse the one before."""
        realm = self._site.realm
        token = JsonObject(await _json(request)).get("token", str) or ""
        if not _TOKEN.fullmatch(token):
            raise ValueError('Give the new "token": letters, digits and signs of ASCII, without spaces.')
        realm.first.user = replace(realm.first.user, token=token)
        realm.faults.token_is_expired = False
        return Response(status_code=204)

    async def add_past_runs(self, request: Request) -> Response:
        """Give an Actor a history, and answer with the ids of its runs."""
        world, body = self._site.realm.first, JsonObject(await _json(request))
        actor, user_agent = world.find_actor(body.get("actor", str) or ""), body.get("user_agent", str)
        times = [_moment(each) for each in body.get("started", list) or ()]
        runs = [world.add_past_run(actor, moment, user_agent=user_agent) for moment in times]
        return JsonResponse([run.id for run in runs], 201)

    async def fire_schedule(self, request: Request) -> Response:
        """Let a schedule start its runs now."""
        identifier = request.path_params["id"]
        for world in self._site.realm.worlds:
            if identifier in world.schedules.all:
                world.schedules.all[identifier].invoke(partial(start_action, world))
                return Response(status_code=204)
        raise ValueError("There is no such schedule.")

    async def reset(self, _request: Request) -> Response:
        """Start afresh."""
        await self._site.reset()
        return Response(status_code=204)
