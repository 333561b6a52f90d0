"""One request, as the handlers see it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING
from urllib.parse import unquote

from local_apify.api.access import Access, AnyStorage
from local_apify.api.query import Query
from local_apify.api.received import Body
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
MAX_WAIT_SECONDS = 60


class Call:
    """A request with its world, its body, and the things that its path names.

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
        self.body = Body(request, self.world.settings)
        self.path: dict[str, str] = {name: unquote(value) for name, value in request.path_params.items()}

    @property
    def base_url(self) -> str:
        """Where this client reaches the server: what it can open by a URL that is answered."""
        host = self.request.headers.get("host", "")
        return f"{self.request.url.scheme}://{host}" if _HOST.fullmatch(host) else self.realm.base_url

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
