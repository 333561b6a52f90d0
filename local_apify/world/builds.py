"""Builds of Actors: source code in, a definition out. Nothing of it is executed."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from local_apify.settings import Settings
from local_apify.world.actor import BUILT_IN_SINCE, Actor
from local_apify.world.clock import Clock, now
from local_apify.world.definitions import Definition, own_definition, read_definition
from local_apify.world.errors import ApiError
from local_apify.world.runs import TERMINAL, Caller, RunLog

MEMORY_MBYTES = 4096
_NOBODY = Caller(user_agent=None, client_ip=None, headers={}, origin="WEB")


@dataclass(kw_only=True)
class Build:
    """One build of one version of an Actor.

    :param version: as it was then, by the API's names.
    :param tag: given to the build when it succeeds.
    """

    actor: Actor
    number: str
    version: Mapping[str, Any]
    tag: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    caller: Caller = _NOBODY
    started_at: datetime = field(default_factory=now)
    finished_at: datetime | None = None
    status: str = "READY"
    definition: Definition | None = None
    log: RunLog = field(default_factory=RunLog)
    finished: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def id(self) -> str:
        """The build's id."""
        return self.actor.build_id(self.number)

    @property
    def is_terminal(self) -> bool:
        """Whether the build has ended."""
        return self.status in TERMINAL

    def seconds(self) -> float:
        """Return how long it has been going, or was."""
        return ((self.finished_at or now()) - self.started_at).total_seconds()

    def compute_units(self) -> float:
        """Return the compute units used so far."""
        return MEMORY_MBYTES / 1024 * self.seconds() / 3600

    def finish(self, status: str) -> None:
        """End the build, and wake everyone who waits for that."""
        self.status = status
        self.finished_at = now()
        self.log.write(f"ACTOR: Build {status.lower()}.")
        self.finished.set()


class Builds:
    """All builds, and the machine that carries them out.

    :param settings: returns the settings of this moment.
    :param announce: is told each build that was created or ended, and the webhook event that this is.
    """

    def __init__(self, settings: Callable[[], Settings], clock: Clock, announce: Callable[[Build, str], None]) -> None:
        self._settings = settings
        self._clock = clock
        self._announce = announce
        self._work: dict[str, asyncio.Task[None]] = {}
        self._numbers: Counter[str] = Counter()
        self.all: dict[str, Build] = {}

    async def close(self) -> None:
        """Stop whatever is being built."""
        for task in list(self._work.values()):
            task.cancel()
            await asyncio.wait([task])

    def add_finished(self, actors: Iterable[Actor]) -> None:
        """Add the builds that Actors made of Python functions come with."""
        since = datetime.fromisoformat(BUILT_IN_SINCE)
        for actor in actors:
            for tag, number in actor.builds.items():
                version, _, patch = number.rpartition(".")
                build = Build(actor=actor, number=number, version=actor.versions[version], tag=tag, started_at=since)
                build.definition = own_definition(actor, version)
                build.finish("SUCCEEDED")
                build.finished_at = since
                self.all[build.id] = build
                self._numbers[f"{actor.id} {version}"] = max(int(patch), self._numbers[f"{actor.id} {version}"])

    def of(self, actor: Actor) -> list[Build]:
        """Return the builds of an Actor, oldest first."""
        return [build for build in self.all.values() if build.actor.id == actor.id]

    def number_of(self, actor: Actor, wanted: str) -> str:
        """Return the number of a build that succeeded, given its tag or number.

        :raises ApiError: the Actor has no such build.
        """
        number = actor.builds.get(wanted, wanted)
        known = self.all.get(actor.build_id(number))
        if known is None or known.status != "SUCCEEDED":
            message = f'Build with tag "{wanted}" was not found. Has the Actor been built?'
            raise ApiError(400, "unknown-build-tag", message)
        return number

    def input_schema(self, actor: Actor, number: str) -> Mapping[str, Any]:
        """Return the input schema of a build, empty where it has none."""
        definition = self.all[actor.build_id(number)].definition
        schema: Mapping[str, Any] = definition.actor.get("input", {}) if definition else {}
        return schema

    def start(self, actor: Actor, version: Mapping[str, Any], **details: Any) -> Build:
        """Start to build a version.

        :param details: the other fields of :class:`Build`.
        """
        key = f"{actor.id} {version['versionNumber']}"
        self._numbers[key] += 1
        number = f"{version['versionNumber']}.{self._numbers[key]}"
        build = Build(actor=actor, number=number, version=version, **details)
        self.all[build.id] = build
        self._announce(build, "CREATED")
        self._work[build.id] = asyncio.create_task(self._carry_out(build))
        return build

    async def _carry_out(self, build: Build) -> None:
        await self._clock.sleep(self._settings().ready_seconds)
        build.status = "RUNNING"
        build.log.write(f"ACTOR: Building version {build.version['versionNumber']} as {build.number}.")
        try:
            build.definition = read_definition(build.actor, build.version)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with the source ends its build, not the server
            build.log.write(f"ACTOR: ERROR: {error}")
        await self._clock.sleep(self._settings().build_seconds)
        self._finish(build, "SUCCEEDED" if build.definition else "FAILED")

    def _finish(self, build: Build, status: str) -> None:
        del self._work[build.id]
        build.finish(status)
        self._announce(build, status)

    def abort(self, build: Build) -> None:
        """Abort a build; nothing happens to one that has ended."""
        if not build.is_terminal:
            self._work[build.id].cancel()
            self._finish(build, "ABORTED")

    def forget(self, build: Build) -> None:
        """Delete a build.

        :raises ApiError: it is still going.
        """
        if not build.is_terminal:
            raise ApiError(400, "deleting-unfinished-build", "A build that is still going cannot be deleted.")
        del self.all[build.id]


def built(actor: Actor, build: Build) -> Actor:
    """Return an Actor with a new build of it, which has its tag and says what an input needs."""
    if build.definition is None or build.tag is None:
        return actor
    return replace(actor, builds={**actor.builds, build.tag: build.number}, input_required=build.definition.required)
