"""Actors of the local Apify: plain async functions with a name."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from inspect import getdoc
from typing import TYPE_CHECKING, Any

from airflow_provider_apify.testing.clock import stable_id

if TYPE_CHECKING:
    from airflow_provider_apify.testing.datasets import ItemSource
    from airflow_provider_apify.testing.runs import Run

ENDINGS = ("SUCCEEDED", "FAILED", "TIMED-OUT", "ABORTED")
BUILT_IN_SINCE = "2024-01-01T00:00:00.000Z"
DEFAULT_BUILDS: Mapping[str, str] = {"latest": "0.1.1"}


class RunEnd(Exception):
    """Raise it in an Actor to end the run with a status of one's own choice.

    :param status: SUCCEEDED, FAILED, TIMED-OUT or ABORTED.
    :param message: becomes the run's last status message; ``None`` leaves the one it has.
    """

    def __init__(self, status: str, message: str | None = None) -> None:
        if status not in ENDINGS:
            raise ValueError(f"A run ends as {', '.join(ENDINGS)}, not as {status!r}.")
        super().__init__(message or status)
        self.status = status
        self.message = message


class ActorContext:
    """What an Actor sees of its run."""

    def __init__(self, run: Run) -> None:
        self._run = run

    @property
    def input(self) -> Any:
        """The run's input: the JSON value, the bytes if it is something else, ``{}`` if there is none."""
        record = self._run.store.records.get(self._run.input_key or "")
        if record is None:
            return {}
        self._run.store.counts["read"] += 1
        return json.loads(record.value) if "json" in record.content_type else record.value

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self._run.id

    @property
    def dataset_id(self) -> str:
        """The id of the run's default dataset."""
        return self._run.dataset.id

    @property
    def store_id(self) -> str:
        """The id of the run's default key-value store."""
        return self._run.store.id

    @property
    def token(self) -> str:
        """A token with which the Actor may use the API while the run goes on.

        It opens the storages that are the Actor's own; all that the user has, where the run was started with full
        permissions.
        """
        return self._run.token

    @property
    def is_aborting(self) -> bool:
        """Whether somebody asked the run to end; finish soon."""
        return self._run.aborting.is_set()

    @property
    def lives(self) -> int:
        """How many times this run was started again: resurrections, reboots, restarts on error and metamorphs."""
        run = self._run
        return run.resurrect_count + run.reboot_count + run.restart_count + len(run.metamorphs)

    @property
    def max_items(self) -> int | None:
        """How many items the user pays for at most, where they pay per item; ``None`` if that was left open.

        Apify tells it to Actors as ``ACTOR_MAX_PAID_DATASET_ITEMS``, and truncates nothing: an Actor that does not look
        at it stores as many items as it likes.
        """
        return self._run.options.max_items

    @property
    def item_count(self) -> int:
        """How many items the run's default dataset holds."""
        return len(self._run.dataset)

    async def sleep(self, seconds: float) -> None:
        """Sleep, or return early because the run is being aborted."""
        await self._run.clock.wait(self._run.aborting, seconds)

    async def push_data(self, items: dict[str, Any] | list[dict[str, Any]]) -> None:
        """Store one item or several in the default dataset."""
        self._run.dataset.push(items if isinstance(items, list) else [items])

    async def push_source(self, source: ItemSource) -> None:
        """Store items that are made when somebody reads them."""
        self._run.dataset.add(source)

    async def set_value(self, key: str, value: Any, content_type: str | None = None) -> None:
        """Store a record in the default key-value store: bytes and text as they are, anything else as JSON."""
        self._run.store.put_value(key, value, content_type)

    async def set_status_message(self, text: str, *, is_terminal: bool = False) -> None:
        """Say how the work is going."""
        self._run.set_status_message(text, is_terminal=is_terminal)

    async def charge(self, event: str, count: int = 1) -> None:
        """Charge the user for events, up to the run's ``maxTotalChargeUsd``.

        :raises ValueError: the Actor has no price for this event.
        """
        self._run.charge(event, count)

    def log(self, line: str) -> None:
        """Write a line to the run's log."""
        self._run.log.write(line)


ActorFunction = Callable[[ActorContext], Awaitable[None]]


@dataclass(frozen=True, kw_only=True)
class Actor:
    """An Actor that the local Apify can run.

    :param name: ``username/actor-name``.
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
    main: ActorFunction
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


def actor(name: str, *, title: str | None = None, **options: Any) -> Callable[[ActorFunction], Actor]:
    """Make an Actor of an async function.

    The run succeeds when the function returns. When it raises, the run fails with exit code 1, and the message of the
    exception becomes its status message and a line of its log.

    The first paragraph of the function's docstring describes the Actor, and all of it is the README, unless the options
    say something else.

    :param name: ``username/actor-name``.
    :param options: the other fields of :class:`Actor`.
    """
    if name.count("/") != 1:
        raise ValueError(f"An Actor's name is username/actor-name, not {name!r}.")

    def decorate(main: ActorFunction) -> Actor:
        text, shown = getdoc(main) or "", title or name.partition("/")[2]
        about = {"description": " ".join(text.partition("\n\n")[0].split()), "readme": f"# {shown}\n\n{text}\n"}
        return Actor(name=name, main=main, title=shown, **(about | options))

    return decorate
