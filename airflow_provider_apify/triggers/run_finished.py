"""The trigger that starts DAGs when runs of Apify finish, whoever has started them."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Collection, Hashable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import TriggerEvent

from airflow_provider_apify._airflow.metrics import Count, count
from airflow_provider_apify._airflow.watching import (
    HAS_WATCHERS,
    AssetNotes,
    BaseEventTrigger,
    SharedStreamProducer,
)
from airflow_provider_apify._api.runs.ends import Look, Wanted, Watch
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.models.runs import FINISHED_STATUSES, ORIGINS, SUCCEEDED, ActorRun
from airflow_provider_apify.options import Target
from airflow_provider_apify.triggers._base import WatchingTrigger

if TYPE_CHECKING:
    from airflow.triggers.shared_stream import AdvanceItem

POLL_SECONDS = 30.0
"""From one look at the account's runs to the next."""
LOOK_BACK_SECONDS = 300.0
_LONGEST_RUN = timedelta(days=1)
"""How long a run may have taken that ended while an Airflow without notes was away."""
_NOTE = "apify_runs"
_NOTED_SECONDS = 3600.0
"""The longest time between two notes of where a watcher is, so that a restart never has much to read."""
_FIRST_PAUSE, _LONGEST_PAUSE = 5.0, 300.0


@dataclass(frozen=True)
class _Shown:
    """A look, and when Airflow has stored all events that were made of it."""

    look: Look
    are_stored: asyncio.Event = field(default_factory=asyncio.Event)


class ApifyRunFinishedTrigger(WatchingTrigger, BaseEventTrigger):
    """Start DAGs when runs finish, whoever has started them: for an ``AssetWatcher``, on Airflow 3.0 and later.

    Each look at the account's lists takes two requests, however many DAGs watch; those with the same connection and
    ``poll_interval`` share it on Airflow 3.3, and each has its own before. The runs that a look finds finished are one
    event, so that one DAG run gets them all; :func:`finished_runs() <airflow_provider_apify.assets.finished_runs>`
    reads them. A run that is resurrected finishes, and is told, once more, if a look has seen it go on.

    On Airflow 3.3 and later, what was told is kept with the asset. A triggerer that is away for any time misses
    no run; one that is killed within about two seconds after an event may repeat that. An older Airflow keeps
    nothing: after a restart, runs that ended in the last ``look_back`` seconds are told, maybe again.

    Errors end nothing: they are logged, and the trigger looks again, up to 5 minutes later.

    See https://docs.apify.com/api/v2/actor-runs-get.

    :param actor_id: of which Actor: ID, ``username/actor-name`` or address.
    :param actor_task_id: of which saved task. Without both, all runs of the account count.
    :param statuses: which ends count: of ``SUCCEEDED``, ``FAILED``, ``ABORTED`` and ``TIMED-OUT``.
    :param origins: only runs started so, for example ``["SCHEDULER", "WEB"]``; runs that Airflow starts have ``"API"``.
        Default: all.
    :param apify_conn_id: connection whose token may see the runs.
    :param poll_interval: seconds from one look to the next.
    :param look_back: seconds; only for Airflow 3.0 to 3.2, see above. A run that took longer than a day is not told
        then.
    :raises ValueError: both ``actor_id`` and ``actor_task_id``, or an argument that is none of those.
    :raises RuntimeError: Airflow 2 has no asset watchers.
    """

    def __init__(
        self,
        *,
        actor_id: str | None = None,
        actor_task_id: str | None = None,
        statuses: Collection[str] = (SUCCEEDED,),
        origins: Collection[str] = (),
        apify_conn_id: str = ApifyHook.default_conn_name,
        poll_interval: float = POLL_SECONDS,
        look_back: float = LOOK_BACK_SECONDS,
    ) -> None:
        if not HAS_WATCHERS:
            raise RuntimeError("Asset watchers need Airflow 3. On Airflow 2, use ApifyRunSensor in a scheduled DAG.")
        super().__init__(
            actor_id=actor_id,
            actor_task_id=actor_task_id,
            statuses=_chosen("statuses", statuses, FINISHED_STATUSES),
            origins=_chosen("origins", origins, ORIGINS),
            apify_conn_id=apify_conn_id,
            poll_interval=poll_interval,
            look_back=look_back,
        )
        if poll_interval <= 0:
            raise ValueError(f"poll_interval is a number of seconds above 0, not {poll_interval!r}.")
        if not statuses:
            raise ValueError(f"statuses names at least one of {', '.join(sorted(FINISHED_STATUSES))}.")
        watches_all = actor_id is None and actor_task_id is None
        self.target = None if watches_all else Target.choose(actor_id, actor_task_id)
        self.hook = ApifyHook(apify_conn_id)
        self.poll_interval = poll_interval

    def shared_stream_key(self) -> Hashable:
        """Return what those have in common that share their looks."""
        return "apify-runs", self.hook.apify_conn_id, self.poll_interval

    @classmethod
    def create_shared_stream_producer(cls, kwargs: dict[str, Any]) -> SharedStreamProducer:
        """Return what looks for all that have the same :meth:`shared_stream_key`."""
        return _SharedLooks(cls(**kwargs))

    async def filter_shared_stream(self, shared_stream: AsyncIterator[_Shown]) -> AsyncIterator[TriggerEvent]:
        """Yield an event for each look that shows new ends of wanted runs."""
        notes = AssetNotes(self, _NOTE)
        watch: Watch | None = None
        note_again_at = 0.0
        try:
            async for shown in shared_stream:
                if watch is None:
                    try:
                        watch, runs = await self._begin(notes, shown.look)
                    except Exception as trouble:  # noqa: BLE001 - Airflow restarts what fails each second
                        self.log.warning("%s Trying again in %g s.", trouble, self.poll_interval)
                        continue
                else:
                    runs = watch.take(shown.look)
                if runs:
                    self.log.info("Finished: %s", ", ".join(f"{run.id} ({run.status})" for run in runs))
                    count(Count.WATCH_RUNS, by=len(runs))
                    yield TriggerEvent({"runs": [run.to_dict() for run in runs]})  # type: ignore[no-untyped-call]
                if runs or time.monotonic() > note_again_at:
                    notes.write_when(shown.are_stored, watch.to_dict())
                    note_again_at = time.monotonic() + _NOTED_SECONDS
        finally:
            notes.close()

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look for itself alone, where Airflow has no shared streams."""
        async for event in self.filter_shared_stream(self.looks()):
            yield event

    async def looks(self) -> AsyncIterator[_Shown]:
        """Yield one look after the other, for ever."""
        look, pause = Look({}, (), None), _FIRST_PAUSE
        while True:
            try:
                look = await self.hook._async_look_for_ends(look.going, look.until)
            except Exception as trouble:  # noqa: BLE001 - whatever it is, others wait for the next look
                self.log.warning("The account's runs cannot be read. %s Trying again in %.0f s.", trouble, pause)
                count(Count.WATCH_FAILURES)
                await asyncio.sleep(pause * random.uniform(0.75, 1))
                pause = min(2 * pause, _LONGEST_PAUSE)
                continue
            pause = _FIRST_PAUSE
            count(Count.WATCH_LOOKS)
            yield _Shown(look)
            await asyncio.sleep(self.poll_interval)

    async def _begin(self, notes: AssetNotes, look: Look) -> tuple[Watch, list[ActorRun]]:
        """Go on where the notes say, or begin with what ends from now on; return the ends in between, too.

        :param look: made before this, so that each end is in this or in the looks that follow.
        """
        wanted = await self._wanted()
        if watch := self._newest(wanted, await notes.read()):
            return watch, watch.take(await self.hook._async_look_for_ends(watch.going, watch.until))
        watch = Watch(wanted)
        if notes.are_kept:
            watch.take(look)
            return watch, []
        since = datetime.now(UTC) - timedelta(seconds=self._arguments["look_back"])
        ended = watch.take(await self.hook._async_look_for_ends((), since - _LONGEST_RUN))
        return watch, [run for run in ended if run.finished_at and run.finished_at >= since]

    def _newest(self, wanted: Wanted, noted: list[dict[str, Any]]) -> Watch | None:
        """Return the watch of the newest note; the others would tell once more what that has told."""
        watches = []
        for note in noted:
            try:
                watches.append(Watch.from_dict(wanted, note))
            except (KeyError, TypeError, ValueError, AttributeError) as trouble:
                self.log.warning("What was noted of the watcher cannot be read: %r", trouble)
        return max(watches, key=lambda watch: str(watch.until or ""), default=None)

    async def _wanted(self) -> Wanted:
        target = self.target and await self.hook._async_identify(self.target)
        return Wanted(target, frozenset(self._arguments["statuses"]), frozenset(self._arguments["origins"]))


class _SharedLooks(SharedStreamProducer):
    """One series of looks for many triggers, which says when Airflow has stored their events."""

    def __init__(self, trigger: ApifyRunFinishedTrigger) -> None:
        self._trigger = trigger

    async def open_stream(self) -> AsyncIterator[tuple[_Shown, asyncio.Event]]:
        """Yield each look."""
        async for shown in self._trigger.looks():
            yield shown, shown.are_stored

    async def advance(self, batch: Sequence[AdvanceItem]) -> None:
        """Tell the triggers that their events are stored."""
        for item in batch:
            if not item.outcome.failed:
                item.broker_payload.set()


def _chosen(name: str, given: Collection[str], known: Collection[str]) -> list[str]:
    """Return what was chosen, in one order: equal watchers have equal arguments.

    :raises ValueError: something that Apify does not have.
    """
    chosen = {given} if isinstance(given, str) else set(given)
    if wrong := sorted(chosen - set(known)):
        raise ValueError(f"{name} may be {', '.join(sorted(known))}, not {', '.join(map(repr, wrong))}.")
    return sorted(chosen)
