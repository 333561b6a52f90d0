"""Which HTTP request each Apify operation is. Pure functions, no I/O.

Reference: https://docs.apify.com/api/v2
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from airflow_provider_apify.options import Target

JSON = "application/json; charset=utf-8"
CREATED, NO_CONTENT = 201, 204
ANSWER_SECONDS = 30.0
ANSWER_BYTES = 64 * 2**20
"""More than anything that Apify answers, but for what may be long."""
WAIT_PARAMETER = "waitForFinish"
"""How many seconds the server is to wait for a run's end."""
_ROUND_SECONDS = 30.0


@dataclass(frozen=True)
class Watched:
    """A run whose end is waited for.

    :param cost_limit: US dollars of platform usage above which it is asked for; ``None`` for no limit.
    """

    run_id: str
    cost_limit: float | None = None


@dataclass(frozen=True)
class Request:
    """An HTTP request that has not been sent.

    :param path: already quoted.
    :param params: query parameters by their API names.
    :param user_agent: words added to the User-Agent, kept by Apify with the run that the request starts.
    :param content_type: of the body.
    :param compressed: whether the answer may be compressed: libraries do not notice compressed bodies that end early.
    :param retry_safe: whether sending it twice does no harm; starting a run twice costs money.
    :param spends: whether a run begins with it, or goes on after its end, and costs money from then on.
    :param if_lost: what to say where it is not, and stays unknown whether it was done.
    :param done_status: the only HTTP status that says it was done; ``None`` where the answer's body tells.
    :param brings: what a good answer holds: ``"JSON"``, a ``"record"`` or a ``"log"``.
    :param delay: seconds to wait before sending.
    :param not_after: Unix time after which it is not sent any more, because what it stands on may be wrong then.
    :param held_until: Unix time from which its sender does not hold it back any more, whatever its reasons.
    :param timeout: seconds without any byte from the server after which there is no answer.
    :param is_long: whether the answer may be long, as items, records and logs are: it only must not fall silent. Any
        other has to be whole after ``timeout``, however its bytes trickle in, and no longer than ``most``; see
        ``transports``.
    :param most: bytes, decompressed, above which an answer that may not be long is none.
    :param label: what errors call it, where method and path do not tell.
    :param address_setting: what decides where it is sent, for errors.
    :param trouble: why it is sent again, as a sentence for the log; empty for a first attempt.
    :param beside: requests to be sent at the same time; the answers to them come beside its own.
    :param watched: the run whose end it lets the server wait for; its sender may wait for other news of the run first.
    """

    method: str
    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = field(default=None, repr=False)
    user_agent: str = ""
    content_type: str = JSON
    compressed: bool = True
    retry_safe: bool = True
    spends: bool = False
    if_lost: str = "It is unknown whether it was done; not repeated."
    done_status: int | None = None
    brings: str = "JSON"
    delay: float = 0.0
    not_after: float | None = None
    held_until: float = math.inf
    timeout: float = ANSWER_SECONDS
    is_long: bool = False
    most: int = ANSWER_BYTES
    label: str = ""
    address_setting: str = "the connection's host"
    trouble: str = field(default="", compare=False)
    beside: tuple[Request, ...] = ()
    watched: Watched | None = None

    def after(self, delay: float) -> Request:
        """Return the request, to be sent after a pause: one that is meant makes nothing wrong that it stands on."""
        return replace(self, delay=delay, not_after=None if self.not_after is None else self.not_after + delay)

    @property
    def has_answer_body(self) -> bool:
        """Whether the answer may have a body."""
        return self.method != "HEAD"


def taking_turns(request: Request, share: float) -> Request:
    """Return a request that lets the server wait for less, where there are fewer connections than who wait over them.

    So each gets its turn about every half minute, and holds a connection for its share of it.

    :param share: connections for each who waits; from 1 on, the request stays as it is.
    """
    return request if share >= 1 else waiting_less(request, _ROUND_SECONDS * share)


def waiting_less(request: Request, seconds: float) -> Request:
    """Return a request that lets the server wait for so long at most, though for a second, if it does so at all."""
    wait = int(request.params.get(WAIT_PARAMETER, 0))
    if not wait or wait <= seconds:
        return request
    short = max(1, int(seconds))
    return replace(
        request, params={**request.params, WAIT_PARAMETER: str(short)}, timeout=request.timeout - wait + short
    )


def query(values: Mapping[str, Any]) -> dict[str, str]:
    """Write parameters as the API reads them: ``None`` is left out, a list is joined with commas."""
    return {name: _param(value) for name, value in values.items() if value is not None}


def _param(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple) and value and isinstance(value[0], Mapping):
        return base64.b64encode(json.dumps(value).encode()).decode()
    return ",".join(value) if isinstance(value, list | tuple) else str(value)


def moment(name: str, time: datetime | None) -> str | None:
    """Write a time as the API reads it.

    :param name: of the argument, for errors.
    :raises ValueError: it has no time zone.
    """
    if time is None:
        return None
    if time.tzinfo is None:
        raise ValueError(f"{name} must have a time zone, unlike {time!r}.")
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def target_path(target: Target) -> str:
    """Return where an Actor or a saved task is found."""
    collection = "actors" if target.kind == "actor" else "actor-tasks"
    return f"/v2/{collection}/{segment(target_id(target))}"


def target_id(target: Target) -> str:
    """Return an ID as it is sent: with a tilde after the username."""
    return target.id.replace("/", "~")


def segment(name: str) -> str:
    """Quote a name for exactly one segment of a path."""
    if not isinstance(name, str) or not name or name in {".", ".."}:
        raise ValueError(f"{name!r} is no Apify ID or key.")
    return quote(name, safe="~")
