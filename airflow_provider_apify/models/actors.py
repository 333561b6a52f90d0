"""What the Apify API says of Actors, their builds, saved tasks, and Apify Store, as types. No I/O."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider_apify.exceptions import ApifyDataError
from airflow_provider_apify.models._fields import read_dollars, read_time
from airflow_provider_apify.models.run_details import Pricing

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

    import pendulum


@dataclass(frozen=True)
class BuildTag:
    """The build that a tag of an Actor stands for."""

    build_id: str
    number: str | None

    @classmethod
    def from_api(cls, data: Mapping[str, Any]) -> BuildTag:
        """Read a value of ``taggedBuilds``."""
        return cls(data["buildId"], data.get("buildNumber"))


@dataclass(frozen=True)
class Actor:
    """An Actor.

    See https://docs.apify.com/api/v2/act-get.

    :param tags: its tagged builds by tag, for example ``"latest"``.
    :param default_build: tag or number of the build that a run takes where its start names none.
    :param default_memory: megabytes that a run has where its start names none.
    :param default_timeout: seconds after which a run ends where its start names none; 0 is no limit.
    :param standby_url: where it answers in Standby mode; ``None`` where it does not.
    :param raw: the API's whole object.
    """

    id: str
    username: str
    name: str
    title: str | None
    description: str | None
    is_public: bool
    is_deprecated: bool
    tags: Mapping[str, BuildTag]
    default_build: str | None
    default_memory: int | None
    default_timeout: int | None
    standby_url: str | None
    raw: Mapping[str, Any] = field(repr=False, compare=False)

    @classmethod
    def from_api(cls, data: Mapping[str, Any]) -> Actor:
        """Read the ``data`` object of ``GET /v2/actors/{actorId}``."""
        defaults, tagged = data["defaultRunOptions"], data.get("taggedBuilds") or {}
        return cls(
            id=data["id"],
            username=data["username"],
            name=data["name"],
            title=data.get("title"),
            description=data.get("description"),
            is_public=data["isPublic"],
            is_deprecated=bool(data.get("isDeprecated")),
            # A tag may have lost its build.
            tags={tag: BuildTag.from_api(build) for tag, build in tagged.items() if build and build.get("buildId")},
            default_build=defaults.get("build"),
            default_memory=defaults.get("memoryMbytes"),
            default_timeout=defaults.get("timeoutSecs"),
            standby_url=data.get("standbyUrl"),
            raw=data,
        )

    def pricing_at(self, time: datetime) -> Pricing | None:
        """Return how runs are paid for that start at a time; ``None`` where the Actor does not say.

        :param time: with a time zone.
        """
        prices = [Pricing.from_api(each) for each in self.raw.get("pricingInfos") or ()]
        dated = [(price.started_at, price) for price in prices if price.started_at and price.started_at <= time]
        return max(dated, key=lambda each: each[0])[1] if dated else None


@dataclass(frozen=True)
class Build:
    """A build of an Actor: the program that runs.

    See https://docs.apify.com/api/v2/actor-build-get.

    :param actor_id: of its Actor; lists may leave it out.
    :param number: for example ``"0.1.2"``.
    :param status: as of a run, for example ``"SUCCEEDED"``.
    :param usage_total_usd: US dollars that making it has cost; ``None`` where the token may not see them.
    :param raw: the API's whole object.
    """

    id: str
    actor_id: str | None
    number: str
    status: str
    started_at: pendulum.DateTime | None
    finished_at: pendulum.DateTime | None
    usage_total_usd: Decimal | None
    raw: Mapping[str, Any] = field(repr=False, compare=False)

    @classmethod
    def from_api(cls, data: Mapping[str, Any]) -> Build:
        """Read the ``data`` object of ``GET /v2/actor-builds/{buildId}``, or an item of an Actor's list of builds."""
        return cls(
            id=data["id"],
            actor_id=data.get("actId"),
            number=data["buildNumber"],
            status=data["status"],
            started_at=read_time(data.get("startedAt")),
            finished_at=read_time(data.get("finishedAt")),
            usage_total_usd=read_dollars(data.get("usageTotalUsd")),
            raw=data,
        )

    @property
    def input_schema(self) -> Mapping[str, Any] | None:
        """The schema of its input; ``None`` where it has none, which takes any input. Lists do not tell it.

        See https://docs.apify.com/platform/actors/development/actor-definition/input-schema.

        :raises ApifyDataError: it is no JSON.
        """
        defined = (self.raw.get("actorDefinition") or {}).get("input")
        schema = defined or self._schema_as_text()
        return schema if isinstance(schema, Mapping) else None

    def _schema_as_text(self) -> Any:
        """Return the schema of a build that is older than Actor definitions."""
        try:
            return json.loads(self.raw.get("inputSchema") or "null")
        except ValueError as error:
            raise ApifyDataError(f"The input schema of build {self.number} ({self.id}) is no JSON: {error}") from error


@dataclass(frozen=True)
class SavedTask:
    """A saved task: an Actor with its input and options.

    See https://docs.apify.com/api/v2/actor-task-get.

    :param input: what a run gets where its start has none, and what the input of a start is merged over.
    :param build: tag or number of the Actor's build; ``None`` for the Actor's default.
    :param raw: the API's whole object, with the other options.
    """

    id: str
    actor_id: str
    username: str | None
    name: str
    title: str | None
    build: str | None
    input: Mapping[str, Any] | None = field(repr=False)
    raw: Mapping[str, Any] = field(repr=False, compare=False)

    @classmethod
    def from_api(cls, data: Mapping[str, Any]) -> SavedTask:
        """Read the ``data`` object of ``GET /v2/actor-tasks/{actorTaskId}``."""
        return cls(
            id=data["id"],
            actor_id=data["actId"],
            username=data.get("username"),
            name=data["name"],
            title=data.get("title"),
            build=(data.get("options") or {}).get("build"),
            input=data.get("input"),
            raw=data,
        )


@dataclass(frozen=True)
class StoreActor:
    """An Actor as Apify Store lists it.

    See https://docs.apify.com/api/v2/store-get.

    :param pricing_model: ``"FREE"``, ``"FLAT_PRICE_PER_MONTH"``, ``"PRICE_PER_DATASET_ITEM"`` or ``"PAY_PER_EVENT"``.
    :param total_users: how many have ever used it.
    :param raw: the API's whole object.
    """

    id: str
    username: str
    name: str
    title: str
    description: str | None
    pricing_model: str | None
    total_users: int | None
    raw: Mapping[str, Any] = field(repr=False, compare=False)

    @classmethod
    def from_api(cls, data: Mapping[str, Any]) -> StoreActor:
        """Read an item of ``GET /v2/store``."""
        return cls(
            id=data["id"],
            username=data["username"],
            name=data["name"],
            title=data["title"],
            description=data.get("description"),
            pricing_model=(data.get("currentPricingInfo") or {}).get("pricingModel"),
            total_users=data["stats"].get("totalUsers"),
            raw=data,
        )
