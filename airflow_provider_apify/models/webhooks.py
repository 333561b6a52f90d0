"""Webhooks: what is asked of Apify, and what it says of them and of their dispatches. No I/O."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow_provider_apify.models._fields import read_time

if TYPE_CHECKING:
    import pendulum

STATUS_BY_EVENT: Mapping[str, str] = {
    "ACTOR.RUN.SUCCEEDED": "SUCCEEDED",
    "ACTOR.RUN.FAILED": "FAILED",
    "ACTOR.RUN.ABORTED": "ABORTED",
    "ACTOR.RUN.TIMED_OUT": "TIMED-OUT",
}
"""How a run has ended, by the event that tells so."""
RUN_ENDS = tuple(STATUS_BY_EVENT)
"""Every way a run may end, as events."""

SUCCESS = ("ACTOR.RUN.SUCCEEDED",)
"""What the receiver is told of where nobody says."""
RECEIVER_PATH = "/apify/webhook"
"""Where Airflow's own receiver is in its API server."""
_RECEIVER_PAYLOAD = '{"eventType": {{eventType}}, "eventData": {{eventData}}}'
"""It asks Apify for the rest."""
SECRET_HEADER = "X-Webhook-Secret"  # noqa: S105 - the name of a header, no secret
"""By which Airflow's receiver knows Apify."""
_VARIABLE = re.compile(r"\{\{[^{}]*\}\}")

EVENT_TYPES = frozenset(
    {*RUN_ENDS, "ACTOR.RUN.CREATED", "ACTOR.RUN.RESURRECTED"}
    | {f"ACTOR.BUILD.{event}" for event in ("CREATED", "SUCCEEDED", "FAILED", "ABORTED", "TIMED_OUT")}
)


def check_event_types(argument: str, event_types: Collection[str]) -> None:
    """Raise :class:`ValueError` for what is no list of events that Apify tells of."""
    if not isinstance(event_types, list | tuple | set | frozenset) or not event_types or set(event_types) - EVENT_TYPES:
        known = ", ".join(sorted(EVENT_TYPES))
        raise ValueError(f"{argument} must be a list of some of {known}, not {event_types!r}.")


@dataclass(frozen=True)
class WebhookSpec:
    """What a webhook is to be: whom Apify tells of which events, and how.

    See https://docs.apify.com/platform/integrations/webhooks/events and ``.../actions`` for what payloads look like.

    :param event_types: for example :data:`RUN_ENDS`.
    :param request_url: where Apify sends a ``POST``. It must answer with 2xx within 2 minutes, else Apify tries again,
        11 times within about 32 hours. The same event may come twice.
    :param payload_template: JSON with variables like ``{{resource}}`` in it; ``None`` for Apify's own.
    :param headers: more headers, for example a secret by which the receiver knows Apify. Apify keeps them readable.
    :param description: for people who find the webhook in Apify Console.
    :param should_interpolate_strings: whether variables inside of strings are replaced, too.
    :param ignore_ssl_errors: whether a receiver's bad certificate is good enough.
    :param do_not_retry: whether one try is all.
    :param identity: by which fields, as the API names them, it is the same webhook again, to be changed, and not
        another one.
    """

    event_types: Collection[str]
    request_url: str = field(repr=False)
    payload_template: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    description: str | None = None
    should_interpolate_strings: bool = False
    ignore_ssl_errors: bool = False
    do_not_retry: bool = False
    identity: Collection[str] = ("condition", "eventTypes", "requestUrl", "headersTemplate")

    def __post_init__(self) -> None:
        """Refuse what Apify would refuse."""
        check_event_types("event_types", self.event_types)
        if not isinstance(self.headers, Mapping):
            raise ValueError('headers must be a dictionary, for example {"X-Secret": "..."}.')  # noqa: TRY004 - wrong arguments are ValueError
        parts = urlsplit(self.request_url)
        if parts.scheme not in {"http", "https"}:
            # No more of it: the rest may hold a secret.
            raise ValueError(
                f"request_url must be an http or https URL, not one with scheme {parts.scheme!r} and host "
                f"{parts.hostname or ''!r}.",
            )
        if self.payload_template:
            _check_template(self.payload_template)

    def body(self, condition: Mapping[str, str]) -> dict[str, Any]:
        """Return the webhook as the API takes it.

        :param condition: ``actorId`` or ``actorTaskId`` by their names.
        """
        return {
            "eventTypes": sorted(self.event_types),
            "requestUrl": self.request_url,
            "condition": dict(condition),
            "payloadTemplate": self.payload_template,
            "headersTemplate": json.dumps(dict(sorted(self.headers.items()))) if self.headers else None,
            "description": self.description,
            "shouldInterpolateStrings": self.should_interpolate_strings,
            "ignoreSslErrors": self.ignore_ssl_errors,
            "doNotRetry": self.do_not_retry,
        }


def receiver_spec(
    airflow: str,
    conn_id: str | None,
    secret: str,
    *,
    event_types: Collection[str],
    headers: Mapping[str, str],
    **rest: Any,
) -> WebhookSpec:
    """Describe the webhook by which Apify tells Airflow's own receiver of the ends of runs.

    :param airflow: address of its API server, as Apify reaches it.
    :param conn_id: connection that receives; ``None`` for the default one.
    :param rest: more of :class:`WebhookSpec`.
    :raises ValueError: it is no address, or other events than ends.
    """
    base = airflow.strip().rstrip("/").removesuffix(RECEIVER_PATH)
    parts = urlsplit(base)
    if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc or parts.query or "#" in base:
        raise ValueError("receiver is the address of Airflow's API server, for example 'https://airflow.example.com'.")
    if set(event_types) - set(RUN_ENDS):
        raise ValueError(f"A receiver takes the ends of runs: event_types are some of {', '.join(RUN_ENDS)}.")
    return WebhookSpec(
        event_types=event_types,
        request_url=f"{base}{RECEIVER_PATH}" + (f"/{conn_id}" if conn_id else ""),
        payload_template=_RECEIVER_PAYLOAD,
        headers={**headers, SECRET_HEADER: secret},
        identity=("condition", "requestUrl"),  # so that a new secret, or other events, change the one that is there
        **rest,
    )


def _check_template(template: str) -> None:
    try:
        json.loads(_VARIABLE.sub("null", template))
    except ValueError as error:
        raise ValueError(
            f"payload_template is no JSON once null stands for each variable in double braces: {error}. For example: "
            '{"event": {{eventType}}, "run": {{resource}}}',
        ) from None


def idempotency_key(body: Mapping[str, Any], identity: Collection[str]) -> str:
    """Return the key that tells a webhook from others.

    :param identity: names of the fields in which others differ.
    """
    parts = [body[name] for name in identity]
    return "airflow-" + hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def changes(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a webhook in which it is not what is wanted, as they should be."""
    return {name: value for name, value in wanted.items() if _plain(value) != _plain(found.get(name))}


def _plain(value: Any) -> Any:
    """Return what compares equal where it means the same: unset fields are empty or null, events have no order."""
    if isinstance(value, Mapping):
        return {name: inner for name, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return sorted(value)
    return value or None


@dataclass(frozen=True)
class Webhook:
    """A webhook as Apify has it. ``raw`` may hold secret headers: keep it out of logs.

    See https://docs.apify.com/api/v2/webhook-get.
    """

    id: str
    event_types: tuple[str, ...]
    condition: Mapping[str, str | None]
    request_url: str | None = field(repr=False)
    description: str | None
    created_at: pendulum.DateTime | None
    raw: Mapping[str, Any] = field(repr=False, compare=False)

    @classmethod
    def from_api(cls, data: Mapping[str, Any]) -> Webhook:
        """Read the ``data`` object of ``GET /v2/webhooks/{webhookId}``."""
        return cls(
            id=data["id"],
            event_types=tuple(data["eventTypes"]),
            condition=data["condition"],
            request_url=data.get("requestUrl"),
            description=data.get("description"),
            created_at=read_time(data.get("createdAt")),
            raw=data,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return what downstream tasks need, as plain JSON, without what may be secret."""
        return {
            "webhook_id": self.id,
            "event_types": list(self.event_types),
            "condition": dict(self.condition),
        }


@dataclass(frozen=True)
class WebhookDispatch:
    """One event on its way to a webhook's receiver.

    See https://docs.apify.com/api/v2/webhook-dispatch-get.

    :param status: ``"ACTIVE"`` while Apify tries, ``"SUCCEEDED"`` or ``"FAILED"``.
    :param run_id: the run that the event is about; ``None`` for builds.
    :param calls: each try: ``startedAt``, ``finishedAt``, ``responseStatus``, ``responseBody``, ``errorMessage``.
    """

    id: str
    webhook_id: str
    status: str
    event_type: str
    created_at: pendulum.DateTime | None
    run_id: str | None
    calls: tuple[Mapping[str, Any], ...]
    raw: Mapping[str, Any] = field(repr=False, compare=False)

    @classmethod
    def from_api(cls, data: Mapping[str, Any]) -> WebhookDispatch:
        """Read the ``data`` object of ``GET /v2/webhook-dispatches/{dispatchId}``."""
        return cls(
            id=data["id"],
            webhook_id=data["webhookId"],
            status=data["status"],
            event_type=data["eventType"],
            created_at=read_time(data.get("createdAt")),
            run_id=(data.get("eventData") or {}).get("actorRunId"),
            calls=tuple(data.get("calls") or ()),
            raw=data,
        )
