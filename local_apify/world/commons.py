"""What the users of one local Apify share."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from local_apify.settings import Settings
from local_apify.world.account import User
from local_apify.world.actor import Actor
from local_apify.world.builds import Build, Builds
from local_apify.world.clock import Clock, now
from local_apify.world.faults import Faults
from local_apify.world.rates import Rates
from local_apify.world.runs import Run, Task


@dataclass(frozen=True, kw_only=True)
class Blueprint:
    """What a realm is made from, so that it can be made again.

    :param base_url: where the server is reached.
    :param users: the first is the one that tests and demonstrations usually are.
    :param tasks: of the first user.
    """

    base_url: str
    users: tuple[User, ...]
    settings: Settings
    actors: tuple[Actor, ...]
    tasks: tuple[Task, ...]


class Commons:
    """The state of one local Apify that is nobody's own.

    :param announce: is told of each build and what has happened to it.
    """

    def __init__(self, blueprint: Blueprint, announce: Callable[[Build, str], None]) -> None:
        self.base_url = blueprint.base_url
        self.settings = blueprint.settings
        self.clock = Clock()
        self.created_at = now()
        self.secret = secrets.token_hex(16)
        """What values are signed with that clients have encoded here."""
        self.faults = Faults()
        self.rates = Rates()
        self.requests: Counter[str] = Counter()
        self.items_delivered: Counter[str] = Counter()
        self.started: list[Run] = []
        self.actors = {actor.id: actor for actor in blueprint.actors}
        self.builds = Builds(lambda: self.settings, self.clock, announce)
        self.builds.add_finished(blueprint.actors)
