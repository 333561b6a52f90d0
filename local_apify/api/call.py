"""One request, as the handlers see it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import unquote

from starlette.responses import Response

from local_apify.api.access import Access, AnyStorage
from local_apify.api.bodies import JsonResponse, parse_json
from local_apify.api.codings import (
    CODINGS,
    IDENTITY,
    MAX_UNPACKED_BYTES,
    MAX_UNPACKED_JSON_BYTES,
    UnpackError,
    unpacked,
)
from local_apify.api.query import Query
from local_apify.world.account import User
from local_apify.world.actor import Actor
from local_apify.world.builds import Build
from local_apify.world.datasets import Dataset
from local_apify.world.errors import ApiError, not_found
from local_apify.world.queues import RequestQueue
from local_apify.world.realm import Identity, Realm
from local_apify.world.runs import STATUSES, Run, Task
from local_apify.world.stores import KeyValueStore

if TYPE_CHECKING:
    from starlette.requests import Request

_HOST = re.compile(r"[\w.-]+(:\d+)?|\[[\da-fA-F:.]+\](:\d+)?", re.ASCII)
MAX_LIST = 1000
MAX_WAIT_SECONDS = 60
T = TypeVar("T")


class Call:
    """A request with its world, and the things that its path names.

    :param identity: whose token it came with; without one, it is taken for the first user's, who is shown nothing.
    :param lag_seconds: how young runs must not be to be known to this request.
    """

    def __init__(self, request: Request, realm: Realm, identity: Identity | None, *, lag_seconds: float) -> None:
        self.request, self.realm = request, realm
        self.world = identity.world if identity else realm.first
        self.authorized = identity is not None
        self.acting_run = identity.run if identity else None
        self.query = Query(request.query_params)
        self.access = Access(
            realm,
            identity,
            is_reading=request.method in {"GET", "HEAD"},
            has_signature=self.query.text("signature") is not None,
            lag_seconds=lag_seconds,
        )
        self.path: dict[str, str] = {name: unquote(value) for name, value in request.path_params.items()}

    @property
    def base_url(self) -> str:
        """Where this client reaches the server: what it can open by a URL that is answered."""
        host = self.request.headers.get("host", "")
        return f"{self.request.url.scheme}://{host}" if _HOST.fullmatch(host) else self.realm.base_url

    async def body(self, limit: int | None = None) -> bytes:
        """Return the body, unpacked as its Content-Encoding says.

        :param limit: bytes; ``None`` for the one that most operations have.
        :raises ApiError: it is longer than the limit as it is sent, or encoded in an unknown way.
        """
        packed = await self.packed_body(limit or self.world.settings.max_body_bytes)
        return await self.unpacked(packed, MAX_UNPACKED_JSON_BYTES)

    @property
    def coding(self) -> str:
        """The Content-Encoding of the body."""
        return self.request.headers.get("content-encoding", IDENTITY).strip().lower() or IDENTITY

    async def unpacked(self, body: bytes, limit: int = MAX_UNPACKED_BYTES) -> bytes:
        """Return what a body was before it was packed as the Content-Encoding says; others are served meanwhile.

        :raises ApiError: it is packed in an unknown way, or in another.
        """
        if self.coding == IDENTITY:
            return body
        if self.coding not in CODINGS:
            raise ApiError(415, "unsupported-content-encoding", f'Content-Encoding "{self.coding}" is not supported.')
        try:
            return await asyncio.to_thread(unpacked, body, self.coding, limit)
        except UnpackError as error:
            raise ApiError(400, "invalid-input", str(error)) from None

    async def packed_body(self, limit: int) -> bytes:
        """Return the body as it was sent.

        :raises ApiError: it is longer than the limit.
        """
        chunks: list[bytes] = []
        size = 0
        async for chunk in self.request.stream():
            size += len(chunk)
            if size <= limit:
                chunks.append(chunk)
        if size > limit:
            message = f"The POST payload is too large (limit: {limit} bytes, actual length: {size} bytes)."
            raise ApiError(413, "request-too-large", message)
        return b"".join(chunks)

    async def json_body(self, limit: int | None = None) -> Any:
        """Return the body's JSON value.

        :raises ApiError: it is no JSON.
        """
        return parse_json(await self.body(limit), "invalid-input")

    async def json_object(self) -> JsonObject:
        """Return the body's JSON object, empty if there is no body.

        :raises ApiError: it is something else.
        """
        return JsonObject(parse_json(await self.body() or b"{}", "invalid-input"))

    def find_actor(self) -> Actor:
        """Return the Actor that the path names."""
        actor = self.world.find_actor(self.path["actorId"])
        if not self.sees(actor):
            raise not_found("Actor")
        return actor

    def sees(self, actor: Actor) -> bool:
        """Tell whether an Actor is one that the request may know of."""
        return actor.is_public or (self.authorized and self.world.sees(actor))

    def find_task(self) -> Task:
        """Return the saved task that the path names."""
        return self.world.find_task(self.path["actorTaskId"])

    def find_run(self) -> Run:
        """Return the run that the path names: by its id, or as the last one of an Actor or task."""
        if "runId" not in self.path:
            return self._last_run()
        run = self.access.run(self.path["runId"], "Actor run")
        if "actorId" in self.path and run.actor.id != self.find_actor().id:
            raise not_found("Actor run")
        return run

    def _last_run(self) -> Run:
        statuses = self.statuses()
        origin = self.query.text("origin")
        for run in reversed(self.owned_runs()):
            if (not statuses or run.status in statuses) and origin in {None, run.caller.origin}:
                return self.access.run(run.id, "Actor run")
        raise not_found("Actor run")

    def owned_runs(self) -> list[Run]:
        """Return the runs of the Actor or task that the path names, or all that the token is for, oldest first."""
        runs: Iterable[Run] = self.world.runs.values()
        if "actorId" in self.path:
            actor_id = self.find_actor().id
            runs = (run for run in runs if run.actor.id == actor_id)
        elif "actorTaskId" in self.path:
            task_id = self.find_task().id
            runs = (run for run in runs if run.task is not None and run.task.id == task_id)
        return [run for run in runs if self.access.knows(run) and self.access.has_run(run)]

    async def wait_for_end(self, job: Run | Build) -> None:
        """Wait for a job's end, as long as ``waitForFinish`` says; longer than 60 seconds is 60 seconds."""
        seconds = self.query.integer("waitForFinish", maximum=MAX_WAIT_SECONDS)
        if seconds and not job.is_terminal:
            await self.world.clock.wait(job.finished, seconds)

    def statuses(self) -> tuple[str, ...]:
        """Return the statuses asked for; none means all."""
        statuses = self.query.words("status")
        for status in statuses:
            if status not in STATUSES:
                raise ApiError(400, "invalid-parameter", f'Parameter "status" has no value "{status}"')
        return statuses

    def find_dataset(self, opens: Callable[[Dataset], bool] | None = None) -> Dataset:
        """Return the dataset that the path names, or the default one of its run.

        :param opens: tells whether the request may read it, whoever has sent it.
        """
        reference = self.path.get("datasetId") or self.find_run().dataset.id
        return self.access.storage(lambda world: world.datasets, reference, Dataset.kind, opens)

    def find_store(self, opens: Callable[[KeyValueStore], bool] | None = None) -> KeyValueStore:
        """Return the key-value store that the path names, or the default one of its run.

        :param opens: tells whether the request may read it, whoever has sent it.
        """
        reference = self.path.get("storeId") or self.find_run().store.id
        return self.access.storage(lambda world: world.stores, reference, KeyValueStore.kind, opens)

    def find_queue(self) -> RequestQueue:
        """Return the request queue that the path names, or the default one of its run."""
        reference = self.path.get("queueId") or self.find_run().queue.id
        return self.access.storage(lambda world: world.queues, reference, RequestQueue.kind, None)

    def owner_of(self, storage: AnyStorage) -> User:
        """Return whose storage it is."""
        worlds = self.realm.worlds
        return next((world.user for world in worlds if world.has(storage.id)), self.world.user)


class JsonObject:
    """A JSON object somebody sent, whose fields are checked as they are read.

    :raises ApiError: it is no object.
    """

    def __init__(self, value: Any) -> None:
        if not isinstance(value, dict):
            raise ApiError(400, "invalid-input", "Expected a JSON object.")
        self.values: dict[str, Any] = value

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def get(self, name: str, kind: type[T]) -> T | None:
        """Return a field, ``None`` if it is missing or null.

        :raises ApiError: it is of another type.
        """
        value = self.values.get(name)
        is_flag = isinstance(value, bool) and kind is not bool
        if value is not None and (is_flag or not isinstance(value, kind)):
            raise ApiError(400, "invalid-input", f'Field "{name}" must be of type {kind.__name__}.')
        return value

    def one_of(self, name: str, values: Collection[str]) -> str | None:
        """Return a field that has one of some values, ``None`` if it is missing or null.

        :raises ApiError: it has another.
        """
        value = self.get(name, str)
        if value is not None and value not in values:
            raise ApiError(400, "invalid-input", f'Field "{name}" must be one of {", ".join(sorted(values))}.')
        return value

    def texts(self, name: str) -> list[str] | None:
        """Return a list of texts, ``None`` if it is missing or null.

        :raises ApiError: it is something else.
        """
        values = self.get(name, list)
        if not all(isinstance(value, str) for value in values or ()):
            raise ApiError(400, "invalid-input", f'Field "{name}" must be a list of texts.')
        return values


Handler = Callable[[Call], Awaitable[Response]]


@dataclass(frozen=True)
class Endpoint:
    """An operation of the API.

    :param template: its path, as in the OpenAPI document.
    :param is_public: whether it answers without a token.
    """

    method: str
    template: str
    handler: Handler
    is_public: bool = False

    @property
    def is_api(self) -> bool:
        """Whether it belongs to the API: the shop does not."""
        return self.template.startswith("/v2/")


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
