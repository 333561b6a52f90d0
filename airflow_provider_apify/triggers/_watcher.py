"""What the triggers for asset watchers share: they look again and again, and never end."""

from __future__ import annotations

import asyncio
import random
import time
from abc import abstractmethod
from collections.abc import AsyncIterator, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeVar

from airflow.triggers.base import TriggerEvent

from airflow_provider_apify._airflow.metrics import Count, count
from airflow_provider_apify._airflow.watching import (
    HAS_WATCHERS,
    AssetNotes,
    BaseEventTrigger,
    SharedStreamProducer,
)
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.triggers._base import WatchingTrigger

if TYPE_CHECKING:
    from airflow.triggers.shared_stream import AdvanceItem

L = TypeVar("L")
L_contra = TypeVar("L_contra", contravariant=True)
P = TypeVar("P", bound="Place[Any]")
News = dict[str, Any] | None
"""What an event tells; ``None``: nothing new."""

_NOTED_SECONDS = 3600.0
"""The longest time between two notes of where a watcher is, so that a restart never has much to read."""
_FIRST_PAUSE, _LONGEST_PAUSE = 5.0, 300.0


@dataclass(frozen=True)
class Shown(Generic[L]):
    """A look, and when Airflow has stored all events that were made of it."""

    look: L
    are_stored: asyncio.Event = field(default_factory=asyncio.Event)


class Place(Protocol[L_contra]):
    """Where a watcher is: what it has told, and what it waits for."""

    @property
    def progress(self) -> Any:
        """What is greater, the further it is."""

    def take(self, look: L_contra) -> News:
        """Take a look in, and return what is new."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON, to be kept while nobody watches."""


class Watcher(WatchingTrigger, BaseEventTrigger, Generic[L, P]):
    """A trigger that fires for each look that shows something new.

    Errors end nothing: they are logged, and it looks again. On Airflow 3.3 and later, those with the same
    :meth:`shared_stream_key` share their looks, and what was told is kept with the asset.

    :ivar note: under which name it is kept.
    :ivar watched: what it looks at, for the log.
    :ivar instead: what to do on Airflow 2, as the end of a sentence.
    """

    note: ClassVar[str]
    watched: ClassVar[str]
    instead: ClassVar[str]

    def __init__(self, *, apify_conn_id: str, poll_interval: float, **arguments: Any) -> None:
        if not HAS_WATCHERS:
            raise RuntimeError(f"Asset watchers need Airflow 3. On Airflow 2, {self.instead}")
        super().__init__(**arguments, apify_conn_id=apify_conn_id, poll_interval=poll_interval)
        if poll_interval <= 0:
            raise ValueError(f"poll_interval is a number of seconds above 0, not {poll_interval!r}.")
        self.hook = ApifyHook(apify_conn_id)
        self.poll_interval = poll_interval

    @abstractmethod
    def shared_stream_key(self) -> Hashable:
        """Return what those have in common that share their looks."""

    @abstractmethod
    async def _look(self, before: L | None) -> L:
        """Look once.

        :param before: the look before; ``None`` for the first.
        """

    async def _prepare(self) -> None:
        """Ask Apify what has to be known before the notes are read: so that no odd answer is taken for a bad note."""

    @abstractmethod
    async def _begin(self, look: L, *, are_kept: bool) -> tuple[P, News]:
        """Begin where nothing was noted; return what is to be told of the time before, too.

        :param are_kept: whether this Airflow keeps notes, so that there was no time before.
        """

    @abstractmethod
    def _place_of(self, noted: Mapping[str, Any]) -> P:
        """Return the place that a note tells.

        :raises ValueError: it is something else, as is a ``KeyError``, ``TypeError`` or ``AttributeError``.
        """

    @abstractmethod
    async def _catch_up(self, place: P) -> News:
        """Return what is new since a place was noted."""

    @classmethod
    def create_shared_stream_producer(cls, kwargs: dict[str, Any]) -> SharedStreamProducer:
        """Return what looks for all that have the same :meth:`shared_stream_key`."""
        return _SharedLooks(cls(**kwargs))

    async def filter_shared_stream(self, shared_stream: AsyncIterator[Shown[L]]) -> AsyncIterator[TriggerEvent]:
        """Yield an event for each look that shows something new."""
        notes = AssetNotes(self, self.note)
        place: P | None = None
        note_again_at = 0.0
        try:
            async for shown in shared_stream:
                if place is None:
                    try:
                        place, news = await self._find_place(notes, shown.look)
                    except Exception as trouble:  # noqa: BLE001 - Airflow restarts what fails each second
                        self.log.warning("%s Trying again in %g s.", trouble, self.poll_interval)
                        continue
                else:
                    news = place.take(shown.look)
                if news:
                    yield TriggerEvent(news)  # type: ignore[no-untyped-call]
                if news or time.monotonic() > note_again_at:
                    notes.write_when(shown.are_stored, place.to_dict())
                    note_again_at = time.monotonic() + _NOTED_SECONDS
        finally:
            notes.close()

    async def _find_place(self, notes: AssetNotes, look: L) -> tuple[P, News]:
        """Go on where the newest note says: the others would tell once more what that has told."""
        await self._prepare()
        places: list[P] = []
        for noted in await notes.read():
            try:
                places.append(self._place_of(noted))
            except (KeyError, TypeError, ValueError, AttributeError) as trouble:
                self.log.warning("What was noted of the watcher cannot be read: %r", trouble)
        if not places:
            return await self._begin(look, are_kept=notes.are_kept)
        place = max(places, key=lambda place: place.progress)
        return place, await self._catch_up(place)

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look for itself alone, where Airflow has no shared streams."""
        async for event in self.filter_shared_stream(self.looks()):
            yield event

    async def looks(self) -> AsyncIterator[Shown[L]]:
        """Yield one look after the other, for ever."""
        look, pause = None, _FIRST_PAUSE
        while True:
            try:
                look = await self._look(look)
            except Exception as trouble:  # noqa: BLE001 - whatever it is, others wait for the next look
                self.log.warning("%s cannot be read. %s Trying again in %.0f s.", self.watched, trouble, pause)
                count(Count.WATCH_FAILURES)
                await asyncio.sleep(pause * random.uniform(0.75, 1))
                pause = min(2 * pause, _LONGEST_PAUSE)
                continue
            pause = _FIRST_PAUSE
            count(Count.WATCH_LOOKS)
            yield Shown(look)
            await asyncio.sleep(self.poll_interval)


class _SharedLooks(SharedStreamProducer):
    """One series of looks for many triggers, which says when Airflow has stored their events."""

    def __init__(self, trigger: Watcher[Any, Any]) -> None:
        self._trigger = trigger

    async def open_stream(self) -> AsyncIterator[tuple[Shown[Any], asyncio.Event]]:
        """Yield each look."""
        async for shown in self._trigger.looks():
            yield shown, shown.are_stored

    async def advance(self, batch: Sequence[AdvanceItem]) -> None:
        """Tell the triggers that their events are stored."""
        for item in batch:
            if not item.outcome.failed:
                item.broker_payload.set()
