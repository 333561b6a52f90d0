"""What Actors are written with: a plain async function becomes one, and is given its run's context."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from inspect import getdoc
from typing import Any

from local_apify.world.actor import Actor
from local_apify.world.datasets import ItemSource
from local_apify.world.runs import ENDINGS, Run


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

        It opens the run, the storages that are the Actor's own, and what the run has started; all that the user has,
        where the run has full permissions.
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


ActorFunction = Callable[[ActorContext], Awaitable[None]]


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
