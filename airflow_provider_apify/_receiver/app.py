"""The receiver of Apify's webhooks as a web application, which Airflow's API server has under ``/apify``."""

from __future__ import annotations

import asyncio
import hmac
import logging
import re
from typing import Any

from airflow.providers.common.compat.sdk import AirflowNotFoundException, conf
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from airflow_provider_apify._receiver.deliveries import Delivery
from airflow_provider_apify._receiver.telling import Teller, read_run
from airflow_provider_apify.exceptions import ApifyError, ApifyNotFoundError
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.models.webhooks import SECRET_HEADER
from airflow_provider_apify.options import RetryPolicy

_log = logging.getLogger(__name__)

_MOST_BYTES = 2**20
"""Apify's own payload has a few kilobytes."""
_BODY_SECONDS, _ANSWER_SECONDS = 30.0, 90.0
"""How long a body and everything may take; Apify waits for two minutes."""
_NO_SECRET = 401
_DISPATCH_ID = re.compile(r"[0-9A-Za-z]{1,64}")
_NOBODY = (
    "No asset of this Airflow has the URI of the run's Actor or saved task, apify://actor/{} for example. Schedule a "
    "DAG on it. Apify will try again."
)


def app() -> Starlette:
    """Return the application: ``POST /webhook`` for ``apify_default``, ``POST /webhook/{conn_id}`` for others."""
    receiver = _Receiver()
    routes = [
        Route("/webhook", receiver.receive, methods=["POST"]),
        Route("/webhook/{conn_id}", receiver.receive, methods=["POST"]),
    ]
    return Starlette(routes=routes, exception_handlers={HTTPException: _explain})


async def _explain(_request: Request, error: Any) -> JSONResponse:
    if error.status_code != _NO_SECRET:  # which the log has with its reason
        _log.warning("A webhook is refused with %d: %s", error.status_code, error.detail)
    return JSONResponse({"error": error.detail}, error.status_code)


class _Receiver:
    """Believes nothing but the secret that a webhook brings; what has happened is asked of Apify."""

    def __init__(self) -> None:
        self._teller = Teller()

    async def receive(self, request: Request) -> JSONResponse:
        """Answer 2xx when Airflow has stored the end of a run, or when there is nothing to store.

        Apify sends everything else again, 11 times within about 32 hours.
        """
        hook = await _hook(request)
        delivery = await _delivery(request)
        if delivery.run_id is None or delivery.status is None:
            return JSONResponse({"ignored": f"{delivery.event_type} is not about the end of a run."})
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                return await self._take(hook, delivery.run_id, delivery.status, _about(request))
        except ApifyNotFoundError:
            raise HTTPException(404, f"The token of {hook.apify_conn_id} sees no run {delivery.run_id}.") from None
        except (ApifyError, TimeoutError) as error:
            _log.warning("Run %s could not be read; Apify will tell of it again: %r", delivery.run_id, error)
            raise HTTPException(503, "Apify cannot be asked about the run now.") from None

    async def _take(self, hook: ApifyHook, run_id: str, status: str, about: dict[str, Any]) -> JSONResponse:
        run = await read_run(hook, run_id)
        if not run.is_finished:
            raise HTTPException(503, f"The run is {run.status} by now.")
        if run.status != status:
            return JSONResponse({"ignored": f"The run is {run.status} by now, and has an event of its own."})
        uris, is_new = await self._teller.tell_assets(hook, run, about)
        tasks = await self._teller.wake_tasks(hook, run)
        if not uris and not tasks:
            raise HTTPException(404, _NOBODY.format(run.actor_id))
        told = ", ".join(uris) or "a task"
        _log.info("Run %s is %s: %s %s.", run.id, run.status, "told" if is_new else "was told already:", told)
        return JSONResponse({"run_id": run.id, "assets": uris, "tasks": tasks, "repeated": bool(uris) and not is_new})


async def _hook(request: Request) -> ApifyHook:
    """Return the hook of the connection whose webhook this is.

    :raises HTTPException: it brings no secret of that connection.
    """
    conn_id = request.path_params.get("conn_id", ApifyHook.default_conn_name)
    known = conf.get("apify", "webhook_conn_ids", fallback=ApifyHook.default_conn_name).split(",")
    if conn_id not in map(str.strip, known):
        raise HTTPException(404, "[apify] webhook_conn_ids of Airflow's configuration does not name this connection.")
    hook = ApifyHook(conn_id, retry=RetryPolicy(attempts=3, patient_attempts=3))
    try:
        secrets = (await hook._async_connection()).webhook_secrets
    except (AirflowNotFoundException, ValueError, ApifyError) as error:
        _log.warning("A webhook is refused, for its connection cannot be used: %s", error)
        raise HTTPException(
            503, f"Airflow connection {conn_id} cannot be used; the API server's log says why."
        ) from None
    given = request.headers.get(SECRET_HEADER, "").encode()
    if not any([hmac.compare_digest(given, secret.encode()) for secret in secrets]):  # noqa: C419 - as long for each
        brings = "it brings another secret" if given else "it brings none"
        why = brings if secrets else f"connection {conn_id} has no webhook_secret"
        _log.warning("A webhook is refused: %s.", why)
        raise HTTPException(_NO_SECRET, f"The header {SECRET_HEADER} has to bring the webhook_secret of {conn_id}.")
    return hook


async def _delivery(request: Request) -> Delivery:
    body = bytearray()
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            async for piece in request.stream():
                body += piece
                if len(body) > _MOST_BYTES:
                    raise HTTPException(413, f"The body has more than {_MOST_BYTES} bytes.")
        return Delivery.read(bytes(body))
    except TimeoutError:
        raise HTTPException(408, f"The body has not come within {_BODY_SECONDS:.0f} s.") from None
    except ClientDisconnect:
        raise HTTPException(400, "The body has broken off.") from None
    except ValueError as error:
        raise HTTPException(400, str(error)) from None


def _about(request: Request) -> dict[str, Any]:
    """Return what events have beside the run."""
    dispatch_id = request.headers.get("X-Apify-Webhook-Dispatch-Id", "")
    return {"from_webhook": True, "dispatch_id": dispatch_id if _DISPATCH_ID.fullmatch(dispatch_id) else None}
