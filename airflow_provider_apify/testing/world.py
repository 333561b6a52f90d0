"""Everything that exists at one local Apify: Actors, tasks, runs, storages, webhooks."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar

from airflow_provider_apify.testing.account import USERNAME
from airflow_provider_apify.testing.actor import Actor
from airflow_provider_apify.testing.build_shapes import build_shape
from airflow_provider_apify.testing.builds import Build, Builds, built
from airflow_provider_apify.testing.clock import Clock, iso, now
from airflow_provider_apify.testing.datasets import Dataset
from airflow_provider_apify.testing.engine import Engine
from airflow_provider_apify.testing.errors import ApiError, not_found
from airflow_provider_apify.testing.faults import Faults
from airflow_provider_apify.testing.ledger import Ledger, LedgerRun
from airflow_provider_apify.testing.queues import RequestQueue
from airflow_provider_apify.testing.run_shapes import options_shape, run_shape
from airflow_provider_apify.testing.runs import Caller, Run, RunOptions, Task
from airflow_provider_apify.testing.schedules import Schedules
from airflow_provider_apify.testing.settings import Settings
from airflow_provider_apify.testing.stores import KeyValueStore
from airflow_provider_apify.testing.usage import cycle_of, total_usd
from airflow_provider_apify.testing.webhooks import Webhooks


class Storage(Protocol):
    """What datasets, key-value stores and request queues have in common."""

    id: str
    name: str | None
    kind: str


S = TypeVar("S", bound=Storage)


class Storages(dict[str, S]):
    """Storages of one kind, by id."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self._kind = kind

    def find(self, reference: str) -> S:
        """Return a storage by its id, its name, or ``username~name``.

        :raises ApiError: there is none.
        """
        if reference in self:
            return self[reference]
        name = reference.removeprefix(f"{USERNAME}~")
        for storage in self.values():
            if storage.name is not None and storage.name == name:
                return storage
        raise not_found(self._kind)


@dataclass(frozen=True, kw_only=True)
class Blueprint:
    """What a world is made from, so that it can be made again.

    :param base_url: where the server is reached.
    """

    base_url: str
    token: str
    settings: Settings
    actors: tuple[Actor, ...]
    tasks: tuple[Task, ...]


class World:
    """The state of one local Apify, from one reset to the next."""

    def __init__(self, blueprint: Blueprint) -> None:
        self.base_url = blueprint.base_url
        self.token = blueprint.token
        self.settings = blueprint.settings
        self.clock = Clock()
        self.created_at = now()
        self.actors = {actor.id: actor for actor in blueprint.actors}
        self.tasks = {task.id: task for task in blueprint.tasks}
        self.runs: dict[str, Run] = {}
        self.datasets: Storages[Dataset] = Storages(Dataset.kind)
        self.stores: Storages[KeyValueStore] = Storages(KeyValueStore.kind)
        self.queues: Storages[RequestQueue] = Storages(RequestQueue.kind)
        self.webhooks = Webhooks(lambda: self.settings, self.clock)
        self.builds = Builds(lambda: self.settings, self.clock, self._announce_build)
        self.builds.add_finished(blueprint.actors)
        self.schedules = Schedules(self.clock)
        self.limits: dict[str, float] = {}
        self.faults = Faults()
        self.requests: Counter[str] = Counter()
        self.items_delivered: Counter[str] = Counter()
        self._started: list[Run] = []
        self.engine = Engine(lambda: self.settings, self._announce)

    async def close(self) -> None:
        """Stop all runs and deliveries, and answer everyone who waits."""
        self.clock.close()
        await self.schedules.close()
        await self.builds.close()
        await self.engine.close()
        await self.webhooks.close()

    def find_actor(self, reference: str) -> Actor:
        """Return an Actor by its id or ``username~actor-name``.

        :raises ApiError: there is none.
        """
        name = reference.replace("~", "/")
        for actor in self.actors.values():
            if reference == actor.id or name == actor.name:
                return actor
        raise ApiError(404, "record-not-found", f"Actor {reference} was not found")

    def actor_of(self, task: Task) -> Actor:
        """Return the Actor of a saved task as it is now.

        :raises ApiError: it was deleted.
        """
        return self.find_actor(task.actor.id)

    def find_task(self, reference: str) -> Task:
        """Return a saved task by its id, its name, or ``username~task-name``.

        :raises ApiError: there is none.
        """
        name = reference.removeprefix(f"{USERNAME}~")
        for task in self.tasks.values():
            if reference == task.id or name == task.name:
                return task
        raise ApiError(404, "record-not-found", f"Actor task {reference} was not found")

    def create_run(self, actor: Actor, *, task: Task | None, options: RunOptions, build: str, caller: Caller) -> Run:
        """Make a run that is not going yet, so that its input and webhooks can be put in place.

        :raises ApiError: the account has no room for it.
        """
        self.ensure_capacity(options.memory_mbytes)
        return self._keep(Run(actor, task=task, options=options, build_number=build, caller=caller, clock=self.clock))

    def add_past_run(self, actor: Actor, started_at: datetime, *, user_agent: str | None) -> Run:
        """Put a run into the past, as if it had been started then; it has succeeded at once."""
        saved = actor.run_options
        options = RunOptions(
            build=saved["build"], timeout_secs=saved["timeoutSecs"], memory_mbytes=saved["memoryMbytes"]
        )
        build = self.builds.number_of(actor, options.build)
        caller = Caller(user_agent=user_agent, client_ip=None, headers={})
        run = Run(actor, task=None, options=options, build_number=build, caller=caller, clock=self.clock)
        run.created_at = run.started_at = started_at
        run.finish("SUCCEEDED", None, 0)
        run.finished_at = started_at
        return self._keep(run)

    def _keep(self, run: Run) -> Run:
        self.runs[run.id] = run
        self.datasets[run.dataset.id] = run.dataset
        self.stores[run.store.id] = run.store
        self.queues[run.queue.id] = run.queue
        self._started.append(run)
        return run

    def ensure_capacity(self, memory_mbytes: int) -> None:
        """Check that the account has room for one more run.

        :raises ApiError: it has not.
        """
        limit = self.limits.get("maxMonthlyUsageUsd")
        if limit is not None and total_usd(self, cycle_of(now())) >= limit:
            raise ApiError(403, "platform-feature-disabled", "Monthly usage hard limit exceeded")
        going = list(self.going())
        used = sum(run.options.memory_mbytes for run in going)
        if used + memory_mbytes > self.settings.max_memory_mbytes:
            message = (
                f"By launching this job you will exceed the memory limit of {self.settings.max_memory_mbytes}MB for"
                f" all your Actor runs and builds (currently used: {used}MB, requested: {memory_mbytes}MB)."
            )
            raise ApiError(402, "actor-memory-limit-exceeded", message)
        if len(going) >= self.settings.max_concurrent_runs:
            message = f"You have reached the limit of {self.settings.max_concurrent_runs} concurrent Actor runs."
            raise ApiError(402, "concurrent-runs-limit-exceeded", message)

    def going(self) -> Iterator[Run]:
        """Return the runs that have not ended."""
        return (run for run in self.runs.values() if not run.is_terminal)

    def forget_run(self, run: Run) -> None:
        """Delete a finished run with its unnamed storages.

        :raises ApiError: the run is still going.
        """
        if not run.is_terminal:
            raise ApiError(400, "cannot-remove-running-run", "A run that is still going cannot be removed.")
        del self.runs[run.id]
        for storages, storage in ((self.datasets, run.dataset), (self.stores, run.store), (self.queues, run.queue)):
            if storage.name is None:
                storages.pop(storage.id, None)

    def _announce(self, run: Run, event: str) -> None:
        event_data = {
            "actorId": run.actor.id,
            "actorRunId": run.id,
            "actorTaskId": run.task.id if run.task else None,
        }
        self.webhooks.announce(f"ACTOR.RUN.{event}", event_data, run_shape(run, self.settings))

    def _announce_build(self, build: Build, event: str) -> None:
        if event == "SUCCEEDED" and build.actor.id in self.actors:
            self.actors[build.actor.id] = built(self.actors[build.actor.id], build)
        event_data = {"actorId": build.actor.id, "actorBuildId": build.id}
        self.webhooks.announce(f"ACTOR.BUILD.{event}", event_data, build_shape(build))

    def ledger(self, *, slim: bool = False) -> Ledger:
        """Return the record of all that happened.

        :param slim: leave out the headers of the starting requests.
        """
        return Ledger(
            runs=[_ledger_run(run, slim=slim) for run in self._started],
            requests=dict(self.requests),
            items_delivered=dict(self.items_delivered),
            deliveries=list(self.webhooks.deliveries),
        )


def _ledger_run(run: Run, *, slim: bool) -> LedgerRun:
    record = run.store.records.get("INPUT")
    return LedgerRun(
        run_id=run.id,
        actor=run.actor.name,
        actor_id=run.actor.id,
        task=run.task.name if run.task else None,
        started_at=iso(run.created_at),
        finished_at=iso(run.finished_at) if run.finished_at else None,
        status=run.status,
        user_agent=run.caller.user_agent,
        headers={} if slim else dict(run.caller.headers),
        options=options_shape(run.options),
        input_sha256=hashlib.sha256(record.value).hexdigest() if record else None,
        aborted_by_request=run.aborted_by_request,
    )
