"""Actors: what is known of them, and the function that does their work."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from local_apify.world.clock import stable_id

BUILT_IN_SINCE = "2024-01-01T00:00:00.000Z"
LIMITED_PERMISSIONS, FULL_PERMISSIONS = PERMISSION_LEVELS = ("LIMITED_PERMISSIONS", "FULL_PERMISSIONS")
DEFAULT_BUILDS: Mapping[str, str] = {"latest": "0.1.1"}


@dataclass(frozen=True, kw_only=True)
class Actor:
    """An Actor that the local Apify can run.

    :param name: ``username/actor-name``.
    :param main: takes an ``ActorContext``.
    :param description: what people read who search Apify Store.
    :param readme: Markdown.
    :param default_options: options of its runs, by the API's names; memory and timeout among them count more than the
        fields of their own.
    :param event_prices: US dollars by event; an Actor that has them is paid per event.
    :param dataset_schema: of the runs' default datasets, for its views: https://docs.apify.com/storage/dataset-schema.
    :param builds: build numbers by tag.
    :param input_required: fields that the input must have, where there is no ``input_schema``.
    :param input_schema: https://docs.apify.com/platform/actors/development/actor-definition/input-schema; an input is
        checked against it where a user asks for that.
    :param given_id: its id, if it is not to be made of the name.
    :param given_versions: versions of the source code by number, as the API names their fields; ``None`` for the ones
        that the builds imply.
    :param settings: what users have set over the API and what does nothing here, by the API's names.
    """

    name: str
    main: Callable[[Any], Awaitable[None]]
    title: str
    description: str = ""
    readme: str = ""
    memory_mbytes: int = 1024
    timeout_secs: int = 3600
    event_prices: Mapping[str, float] = field(default_factory=dict)
    minimal_charge_usd: float | None = None
    builds: Mapping[str, str] = field(default_factory=lambda: DEFAULT_BUILDS)
    needs_full_permission: bool = False
    input_required: tuple[str, ...] = ()
    input_schema: Mapping[str, Any] | None = None
    dataset_schema: Mapping[str, Any] | None = None
    is_public: bool = True
    default_options: Mapping[str, Any] = field(default_factory=dict)
    created_at: str = BUILT_IN_SINCE
    modified_at: str = BUILT_IN_SINCE
    given_id: str | None = None
    given_versions: Mapping[str, Mapping[str, Any]] | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The Actor's id, the same on every start of the server unless it was created over the API."""
        return self.given_id or stable_id(f"actor {self.name}")

    @property
    def permission_level(self) -> str:
        """What its runs may do, unless who starts them says something else."""
        return FULL_PERMISSIONS if self.needs_full_permission else LIMITED_PERMISSIONS

    @property
    def run_options(self) -> dict[str, Any]:
        """The options of a run that says nothing of its own, by the API's names."""
        own = {"build": "latest", "timeoutSecs": self.timeout_secs, "memoryMbytes": self.memory_mbytes}
        return own | dict(self.default_options)

    @property
    def versions(self) -> Mapping[str, Mapping[str, Any]]:
        """The versions of the source code by number, as the API names their fields."""
        if self.given_versions is not None:
            return self.given_versions
        numbers = {number.rpartition(".")[0]: tag for tag, number in self.builds.items()}
        return {
            number: {"versionNumber": number, "sourceType": None, "buildTag": tag} for number, tag in numbers.items()
        }

    @property
    def username(self) -> str:
        """Whose Actor it is."""
        return self.name.partition("/")[0]

    @property
    def short_name(self) -> str:
        """The name without the user."""
        return self.name.partition("/")[2]

    def build_id(self, number: str) -> str:
        """Return the id of a build."""
        return stable_id(f"build {self.id} {number}")
