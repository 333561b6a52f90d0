"""Webhooks, and their real delivery."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import aiohttp

from local_apify.settings import Settings
from local_apify.world import webhook_templates
from local_apify.world.account import User
from local_apify.world.clock import Clock, iso, new_id, now
from local_apify.world.ledger import Delivery

EVENT_TYPES = frozenset(
    f"ACTOR.{job}.{event}"
    for job, events in {
        "BUILD": ("ABORTED", "CREATED", "FAILED", "SUCCEEDED", "TIMED_OUT"),
        "RUN": ("ABORTED", "CREATED", "FAILED", "RESURRECTED", "SUCCEEDED", "TIMED_OUT"),
    }.items()
    for event in events
)
MAX_REPETITIONS = 11
MAX_BODY_KEPT = 1000
EventData = Mapping[str, str | None]
"""What an event is about, by the API's names: actorId, and actorRunId and actorTaskId, or actorBuildId."""


@dataclass(kw_only=True)
class Webhook:
    """A webhook: persistent, or ad hoc, which tells of each kind of event once, and is gone when its run is deleted.

    See https://docs.apify.com/platform/integrations/webhooks/ad-hoc-webhooks.
    """

    event_types: Sequence[str]
    request_url: str
    condition: Mapping[str, str | None]
    payload_template: str | None = None
    headers_template: str | None = None
    description: str | None = None
    should_interpolate_strings: bool = False
    ignore_ssl_errors: bool = False
    do_not_retry: bool = False
    is_ad_hoc: bool = False
    came_with_start: bool = False
    idempotency_key: str | None = None
    id: str = field(default_factory=new_id)
    created_at: datetime = field(default_factory=now)
    modified_at: datetime = field(default_factory=now)
    told: set[str] = field(default_factory=set)

    @property
    def subject(self) -> str | None:
        """The ID of a thing that all its events are about, ``None`` if it may be anything."""
        return next((value for value in self.condition.values() if value is not None), None)

    def wants(self, event_type: str, event_data: EventData) -> bool:
        """Tell whether this event triggers the webhook."""
        if self.is_ad_hoc and event_type in self.told:
            return False
        wanted = {name: value for name, value in self.condition.items() if value is not None}
        return event_type in self.event_types and all(event_data.get(name) == value for name, value in wanted.items())


@dataclass(kw_only=True)
class Dispatch:
    """One event on its way to one webhook, with every call that was made for it."""

    webhook: Webhook
    event_type: str
    event_data: EventData
    variables: dict[str, Any]
    id: str = field(default_factory=new_id)
    created_at: datetime = field(default_factory=now)
    finished_at: datetime | None = None
    status: str = "ACTIVE"
    calls: list[dict[str, Any]] = field(default_factory=list)

    def body(self) -> bytes:
        """Return what is sent."""
        template = self.webhook.payload_template or webhook_templates.DEFAULT_PAYLOAD
        inside = self.webhook.should_interpolate_strings
        return webhook_templates.render(template, self.variables, inside_strings=inside).encode(
            errors="backslashreplace"
        )

    def headers(self) -> dict[str, str]:
        """Return the headers that are sent; the webhook's own cannot replace Apify's."""
        template = self.webhook.headers_template or "{}"
        inside = self.webhook.should_interpolate_strings
        own = webhook_templates.headers_of(template, self.variables, inside_strings=inside)
        fixed = {
            "Content-Type": "application/json; charset=utf-8",
            "X-Apify-Webhook": "true",
            "X-Apify-Webhook-Dispatch-Id": self.id,
            "X-Apify-Request-Origin": "WEBHOOK",
        }
        reserved = {"host", *(name.lower() for name in fixed)}
        return {name: str(value) for name, value in own.items() if name.lower() not in reserved} | fixed


class Webhooks:
    """All webhooks of a user and what became of their events."""

    def __init__(self, settings: Callable[[], Settings], clock: Clock, user: User) -> None:
        self.user = user
        self._settings = settings
        self._clock = clock
        self.all: dict[str, Webhook] = {}
        self._by_subject: defaultdict[str | None, dict[str, Webhook]] = defaultdict(dict)
        self._by_key: dict[str, Webhook] = {}
        self.dispatches: dict[str, Dispatch] = {}
        self.deliveries: list[Delivery] = []
        self._going: set[asyncio.Task[None]] = set()

    def add(self, webhook: Webhook) -> Webhook:
        """Add a webhook, or return the one that came with the same idempotency key before."""
        known = self.known(webhook)
        if known is not None:
            return known
        self.all[webhook.id] = webhook
        self._index(webhook)
        return webhook

    def change(self, webhook: Webhook, changes: Mapping[str, Any]) -> None:
        """Change fields of a webhook."""
        self._unindex(webhook)
        for name, value in changes.items():
            setattr(webhook, name, value)
        webhook.modified_at = now()
        self._index(webhook)

    def forget(self, webhook: Webhook) -> None:
        """Delete a webhook."""
        del self.all[webhook.id]
        self._unindex(webhook)

    def forget_run(self, run_id: str) -> None:
        """Delete the ad-hoc webhooks of a run."""
        for webhook in list(self._by_subject.get(run_id, {}).values()):
            if webhook.is_ad_hoc:
                self.forget(webhook)

    def _index(self, webhook: Webhook) -> None:
        self._by_subject[webhook.subject][webhook.id] = webhook
        if webhook.idempotency_key:
            self._by_key.setdefault(webhook.idempotency_key, webhook)

    def _unindex(self, webhook: Webhook) -> None:
        self._by_subject[webhook.subject].pop(webhook.id)
        if not self._by_subject[webhook.subject]:
            del self._by_subject[webhook.subject]
        if self.known(webhook) is webhook:
            del self._by_key[webhook.idempotency_key or ""]

    def known(self, webhook: Webhook) -> Webhook | None:
        """Return the webhook that came with the same idempotency key before."""
        return self._by_key.get(webhook.idempotency_key or "")

    def announce(self, event_type: str, event_data: EventData, resource: dict[str, Any]) -> None:
        """Send an event of a run or a build to the webhooks that want it."""
        for subject in {None, *event_data.values()}:
            for webhook in self._by_subject.get(subject, {}).values():
                if webhook.wants(event_type, event_data):
                    webhook.told.add(event_type)
                    self.dispatch(webhook, event_type, event_data, resource)

    def dispatch(self, webhook: Webhook, event_type: str, event_data: EventData, resource: dict[str, Any]) -> Dispatch:
        """Begin to deliver an event."""
        created = now()
        variables = {
            "userId": resource.get("userId"),
            "createdAt": iso(created),
            "eventType": event_type,
            "eventData": event_data,
            "resource": resource,
        }
        dispatch = Dispatch(
            webhook=webhook, event_type=event_type, event_data=event_data, variables=variables, created_at=created
        )
        self.dispatches[dispatch.id] = dispatch
        task = asyncio.create_task(self._deliver(dispatch))
        self._going.add(task)
        task.add_done_callback(self._going.discard)
        return dispatch

    async def close(self) -> None:
        """Stop all deliveries."""
        for task in list(self._going):
            task.cancel()
            await asyncio.wait([task])

    async def _deliver(self, dispatch: Dispatch) -> None:
        repetitions = 0 if dispatch.webhook.do_not_retry else MAX_REPETITIONS
        pause = self._settings().webhook_backoff_seconds
        for attempt in range(repetitions + 1):
            if attempt:
                await self._clock.sleep(pause)
                pause *= 2
            if await self._call(dispatch):
                dispatch.status = "SUCCEEDED"
                break
        else:
            dispatch.status = "FAILED"
        dispatch.finished_at = now()

    async def _call(self, dispatch: Dispatch) -> bool:
        """Call the receiver once, and tell whether it answered 2xx."""
        started = now()
        status, text, error = None, None, None
        try:
            status, text = await self._post(dispatch)
        except (aiohttp.ClientError, TimeoutError, ValueError) as problem:
            error = f"{type(problem).__name__}: {problem}"
        dispatch.calls.append(
            {
                "startedAt": iso(started),
                "finishedAt": iso(now()),
                "errorMessage": error,
                "responseStatus": status,
                "responseBody": text,
            }
        )
        run_id = dispatch.event_data.get("actorRunId")
        webhook = dispatch.webhook
        self.deliveries.append(
            Delivery(dispatch.id, webhook.id, dispatch.event_type, run_id, webhook.request_url, status, iso(started))
        )
        return status is not None and 200 <= status < 300  # noqa: PLR2004 - the range of success in HTTP

    async def _post(self, dispatch: Dispatch) -> tuple[int, str]:
        limit = aiohttp.ClientTimeout(total=self._settings().webhook_timeout_seconds)
        check_certificate = not dispatch.webhook.ignore_ssl_errors
        async with (
            aiohttp.ClientSession(timeout=limit) as session,
            session.post(
                dispatch.webhook.request_url,
                data=dispatch.body(),
                headers=dispatch.headers(),
                ssl=check_certificate,
                allow_redirects=False,
            ) as answer,
        ):
            return answer.status, await _beginning(answer)


async def _beginning(answer: aiohttp.ClientResponse) -> str:
    """Return the beginning of an answer's body, and read no more of it."""
    kept = b""
    async for piece in answer.content.iter_chunked(MAX_BODY_KEPT):
        kept += piece
        if len(kept) >= MAX_BODY_KEPT:
            break
    return kept[:MAX_BODY_KEPT].decode(errors="replace")
