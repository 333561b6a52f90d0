"""Everything that exists at one local Apify: what its users share, and a world for each of them."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta

from local_apify.settings import Settings
from local_apify.world.build_views import build_shape
from local_apify.world.builds import Build, built
from local_apify.world.clock import iso, now
from local_apify.world.commons import Blueprint, Commons
from local_apify.world.ledger import Ledger, LedgerRun
from local_apify.world.run_views import options_shape
from local_apify.world.runs import Run
from local_apify.world.world import World

_BETWEEN_LOOKS = timedelta(seconds=1)


@dataclass(frozen=True)
class Identity:
    """Who sends a request.

    :param world: of the user.
    :param run: that acts for the user, with a token of its own.
    """

    world: World
    run: Run | None = None

    @property
    def limited_run(self) -> Run | None:
        """The run, where it may do less than its user."""
        return None if self.run is None or self.run.has_full_permission else self.run


class Realm(Commons):
    """The state of one local Apify, from one reset to the next."""

    def __init__(self, blueprint: Blueprint) -> None:
        super().__init__(blueprint, self._announce_build)
        self._looked_at = self.created_at
        first, *others = blueprint.users
        self.first = World(self, first, blueprint.tasks)
        self.worlds = (self.first, *(World(self, user) for user in others))

    async def close(self) -> None:
        """Stop everything, and answer everyone who waits."""
        self.clock.close()
        await self.builds.close()
        for world in self.worlds:
            await world.close()

    def identified(self, token: str) -> Identity | None:
        """Return whose token this is: a user's, or that of a run that is going."""
        given = token.encode()
        for world in self.worlds:
            if secrets.compare_digest(given, world.user.token.encode()):
                return Identity(world)
        runs = (Identity(world, run) for world in self.worlds for run in world.going() if run.token == token)
        return next(runs, None)

    def world_of(self, username: str) -> World | None:
        """Return the world of a user; ``None`` for one who has Actors here and no account."""
        return next((world for world in self.worlds if world.user.username == username), None)

    def seen_from(self, world: World) -> list[World]:
        """Return all worlds, the user's own first."""
        return [world, *(other for other in self.worlds if other is not world)]

    def forget_unused(self) -> None:
        """Delete the unnamed storages that nobody has used for as long as the settings say; looks once a second."""
        seconds, moment = self.settings.retention_seconds, now()
        if seconds is None or moment - self._looked_at < _BETWEEN_LOOKS:
            return
        self._looked_at = moment
        for world in self.worlds:
            world.forget_unused(moment - timedelta(seconds=seconds))

    def _announce_build(self, build: Build, event: str) -> None:
        if event == "SUCCEEDED" and build.actor.id in self.actors:
            self.actors[build.actor.id] = built(self.actors[build.actor.id], build)
        event_data = {"actorId": build.actor.id, "actorBuildId": build.id}
        owner = self.world_of(build.actor.username)
        if owner is not None:
            owner.webhooks.announce(f"ACTOR.BUILD.{event}", event_data, build_shape(build))

    def ledger(self, *, slim: bool = False) -> Ledger:
        """Return the record of all that happened.

        :param slim: leave out the headers of the starting requests.
        """
        deliveries = [delivery for world in self.worlds for delivery in world.webhooks.deliveries]
        return Ledger(
            runs=[_ledger_run(run, self.settings, slim=slim) for run in self.started],
            requests=dict(self.requests),
            items_delivered=dict(self.items_delivered),
            deliveries=sorted(deliveries, key=lambda delivery: delivery.at),
        )


def _ledger_run(run: Run, settings: Settings, *, slim: bool) -> LedgerRun:
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
        input_sha256=record.sha256 if record else None,
        aborted_by_request=run.aborted_by_request,
        usage_total_usd=run.cost_usd(settings.cost_settles_seconds),
        username=run.owner.username,
    )
