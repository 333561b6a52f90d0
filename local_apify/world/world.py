"""What one user of a local Apify has: tasks, runs, storages, webhooks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import chain
from typing import TypeVar

from local_apify.settings import Settings
from local_apify.world.account import User
from local_apify.world.actor import Actor
from local_apify.world.builds import Build
from local_apify.world.clock import now
from local_apify.world.commons import Commons
from local_apify.world.cycle import Cycle, cycle_of
from local_apify.world.datasets import Dataset
from local_apify.world.engine import Engine
from local_apify.world.errors import ApiError
from local_apify.world.queues import RequestQueue
from local_apify.world.run_views import run_shape
from local_apify.world.runs import Caller, Run, RunOptions, Task
from local_apify.world.schedules import Schedules
from local_apify.world.storage import Storage
from local_apify.world.stores import KeyValueStore
from local_apify.world.usage import Usage, Use, uses_of
from local_apify.world.webhooks import Webhooks

S = TypeVar("S", bound=Storage)


class Storages(dict[str, S]):
    """Storages of one kind and one user, by id."""

    def __init__(self, username: str) -> None:
        super().__init__()
        self._username = username

    def known_as(self, reference: str, *, to_owner: bool) -> S | None:
        """Return a storage by its id, by ``username~name``, or by its name alone as its owner says it."""
        if reference in self:
            return self[reference]
        prefix = f"{self._username}~"
        if not to_owner and not reference.startswith(prefix):
            return None
        name = reference.removeprefix(prefix)
        return next((storage for storage in self.values() if storage.name is not None and storage.name == name), None)


class World:
    """What belongs to one user, from one reset to the next.

    :param commons: what all users share.
    """

    def __init__(self, commons: Commons, user: User, tasks: tuple[Task, ...] = ()) -> None:
        self._commons = commons
        self.user = user
        self.clock = commons.clock
        self.actors = commons.actors
        self.builds = commons.builds
        self.items_delivered = commons.items_delivered
        self.tasks = {task.id: task for task in tasks}
        self.runs: dict[str, Run] = {}
        self._used_by_deleted_runs: list[Use] = []
        self.datasets: Storages[Dataset] = Storages(user.username)
        self.stores: Storages[KeyValueStore] = Storages(user.username)
        self.queues: Storages[RequestQueue] = Storages(user.username)
        self.webhooks = Webhooks(lambda: self.settings, self.clock, user)
        self.schedules = Schedules(self.clock)
        self.limits: dict[str, float] = {}
        self.engine = Engine(lambda: self.settings, self._announce)

    @property
    def settings(self) -> Settings:
        """The settings of this moment."""
        return self._commons.settings

    async def close(self) -> None:
        """Stop all runs and deliveries."""
        await self.schedules.close()
        await self.engine.close()
        await self.webhooks.close()

    def find_actor(self, reference: str) -> Actor:
        """Return an Actor by its id or ``username~actor-name``.

        :raises ApiError: there is none that the user may see.
        """
        name = reference.replace("~", "/")
        for actor in self.actors.values():
            if (reference == actor.id or name == actor.name) and self.sees(actor):
                return actor
        raise ApiError(404, "record-not-found", f"Actor {reference} was not found")

    def sees(self, actor: Actor) -> bool:
        """Tell whether the user may see an Actor: somebody else's must be public."""
        return actor.is_public or actor.username == self.user.username

    def has(self, storage_id: str) -> bool:
        """Tell whether a storage is the user's."""
        return any(storage_id in storages for storages in (self.datasets, self.stores, self.queues))

    def as_it_is(self, actor: Actor) -> Actor:
        """Return an Actor as it is now; one that was deleted, as it was."""
        return self.actors.get(actor.id, actor)

    def actor_of(self, task: Task) -> Actor:
        """Return the Actor of a saved task as it is now.

        :raises ApiError: it was deleted.
        """
        return self.find_actor(task.actor.id)

    def find_task(self, reference: str) -> Task:
        """Return a saved task by its id, its name, or ``username~task-name``.

        :raises ApiError: there is none.
        """
        name = reference.removeprefix(f"{self.user.username}~")
        for task in self.tasks.values():
            if reference == task.id or name == task.name:
                return task
        raise ApiError(404, "record-not-found", f"Actor task {reference} was not found")

    def create_run(
        self,
        actor: Actor,
        *,
        task: Task | None,
        options: RunOptions,
        build: str,
        caller: Caller,
        has_full_permission: bool = False,
    ) -> Run:
        """Make a run that is not going yet, so that its input and webhooks can be put in place.

        :param has_full_permission: whether its token opens all that the user has, not only what is the run's.
        :raises ApiError: the account has no room for it.
        """
        self.ensure_capacity(options.memory_mbytes)
        run = Run(
            actor,
            task=task,
            options=options,
            build_number=build,
            caller=caller,
            clock=self.clock,
            owner=self.user,
            has_full_permission=has_full_permission,
        )
        return self._keep(run)

    def add_past_run(self, actor: Actor, started_at: datetime, *, user_agent: str | None) -> Run:
        """Put a run into the past, as if it had been started then; it has succeeded at once."""
        saved = actor.run_options
        options = RunOptions(
            build=saved["build"], timeout_secs=saved["timeoutSecs"], memory_mbytes=saved["memoryMbytes"]
        )
        build = self.builds.number_of(actor, options.build)
        caller = Caller(user_agent=user_agent, client_ip=None, headers={})
        run = Run(
            actor,
            task=None,
            options=options,
            build_number=build,
            caller=caller,
            clock=self.clock,
            owner=self.user,
        )
        run.created_at = run.started_at = started_at
        run.finish("SUCCEEDED", None, 0)
        run.finished_at = started_at
        return self._keep(run)

    def _keep(self, run: Run) -> Run:
        self.runs[run.id] = run
        self.datasets[run.dataset.id] = run.dataset
        self.stores[run.store.id] = run.store
        self.queues[run.queue.id] = run.queue
        self._commons.started.append(run)
        return run

    def ensure_capacity(self, memory_mbytes: int) -> None:
        """Check that the account has room for one more run.

        :raises ApiError: it has not.
        """
        limit = self.limits.get("maxMonthlyUsageUsd")
        if limit is not None and self.usage(cycle_of(now())).total_usd >= limit:
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

    def usage(self, cycle: Cycle) -> Usage:
        """Return what the user has used in a month."""
        builds = (build for build in self.builds.all.values() if build.actor.username == self.user.username)
        jobs: tuple[Run | Build, ...] = (*self.runs.values(), *builds)
        there = (uses_of(job, self.settings.cost_settles_seconds) for job in jobs)
        return Usage(cycle, (*self._used_by_deleted_runs, *chain.from_iterable(there)))

    def going(self) -> Iterator[Run]:
        """Return the runs that have not ended."""
        return (run for run in self.runs.values() if not run.is_terminal)

    def forget_run(self, run: Run) -> None:
        """Delete a finished run with its unnamed storages.

        :raises ApiError: the run is still going.
        """
        if not run.is_terminal:
            raise ApiError(400, "cannot-remove-running-run", "A run that is still going cannot be removed.")
        self._used_by_deleted_runs += uses_of(run, 0)
        del self.runs[run.id]
        self.webhooks.forget_run(run.id)
        for storages, storage in ((self.datasets, run.dataset), (self.stores, run.store), (self.queues, run.queue)):
            if storage.name is None:
                storages.pop(storage.id, None)

    def forget_unused(self, before: datetime) -> None:
        """Delete the unnamed storages that nobody has used since a moment, and no run works with."""
        working = {each.id for run in self.going() for each in (run.dataset, run.store, run.queue)}
        for storages in (self.datasets, self.stores, self.queues):
            unused = [
                storage.id
                for storage in storages.values()
                if storage.name is None and max(storage.modified_at, storage.accessed_at) < before
            ]
            for identifier in unused:
                if identifier not in working:
                    del storages[identifier]

    def _announce(self, run: Run, event: str) -> None:
        event_data = {
            "actorId": run.actor.id,
            "actorRunId": run.id,
            "actorTaskId": run.task.id if run.task else None,
        }
        self.webhooks.announce(f"ACTOR.RUN.{event}", event_data, run_shape(run, self.settings))
