"""The trigger that starts DAGs when runs of Apify finish, whoever has started them."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow_provider_apify._airflow.logs import TaskLog
from airflow_provider_apify._airflow.metrics import Count, count
from airflow_provider_apify._api.runs.ends import Look, Wanted, Watch
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.models.runs import FINISHED_STATUSES, ORIGINS, SUCCEEDED, ActorRun
from airflow_provider_apify.options import Target
from airflow_provider_apify.triggers._watcher import News, Watcher

POLL_SECONDS = 30.0
"""From one look at the account's runs to the next."""
LOOK_BACK_SECONDS = 300.0
_LONGEST_RUN = timedelta(days=1)
"""How long a run may have taken that ended while an Airflow without notes was away."""


class ApifyRunFinishedTrigger(Watcher[Look, "_RunsPlace"]):
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

    note = "apify_runs"
    watched = "The account's runs"
    instead = "use ApifyRunSensor in a scheduled DAG."

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
        super().__init__(
            actor_id=actor_id,
            actor_task_id=actor_task_id,
            statuses=_chosen("statuses", statuses, FINISHED_STATUSES),
            origins=_chosen("origins", origins, ORIGINS),
            apify_conn_id=apify_conn_id,
            poll_interval=poll_interval,
            look_back=look_back,
        )
        if not statuses:
            raise ValueError(f"statuses names at least one of {', '.join(sorted(FINISHED_STATUSES))}.")
        watches_all = actor_id is None and actor_task_id is None
        self.target = None if watches_all else Target.choose(actor_id, actor_task_id)

    def shared_stream_key(self) -> Hashable:
        """Return what those have in common that share their looks."""
        return "apify-runs", self.hook.apify_conn_id, self.poll_interval

    async def _look(self, before: Look | None) -> Look:
        going, until = (before.going, before.until) if before else ((), None)
        return await self.hook._async_look_for_ends(going, until)

    async def _begin(self, look: Look, *, are_kept: bool) -> tuple[_RunsPlace, News]:
        place = _RunsPlace(Watch(self._wanted), self.log)
        if are_kept:
            place.watch.take(look)
            return place, None
        since = datetime.now(UTC) - timedelta(seconds=self._arguments["look_back"])
        ended = place.watch.take(await self.hook._async_look_for_ends((), since - _LONGEST_RUN))
        return place, place.tell([run for run in ended if run.finished_at and run.finished_at >= since])

    def _place_of(self, noted: Mapping[str, Any]) -> _RunsPlace:
        return _RunsPlace(Watch.from_dict(self._wanted, noted), self.log)

    async def _catch_up(self, place: _RunsPlace) -> News:
        return place.take(await self.hook._async_look_for_ends(place.watch.going, place.watch.until))

    async def _prepare(self) -> None:
        target = self.target and await self.hook._async_identify(self.target)
        self._wanted = Wanted(target, frozenset(self._arguments["statuses"]), frozenset(self._arguments["origins"]))


@dataclass(frozen=True)
class _RunsPlace:
    """Where the watcher is, and the log of what it tells."""

    watch: Watch
    log: TaskLog

    @property
    def progress(self) -> str:
        return str(self.watch.until or "")

    def take(self, look: Look) -> News:
        return self.tell(self.watch.take(look))

    def tell(self, runs: Sequence[ActorRun]) -> News:
        if not runs:
            return None
        self.log.info("Finished: %s", ", ".join(f"{run.id} ({run.status})" for run in runs))
        count(Count.WATCH_RUNS, by=len(runs))
        return {"runs": [run.to_dict() for run in runs]}

    def to_dict(self) -> dict[str, Any]:
        return self.watch.to_dict()


def _chosen(name: str, given: Collection[str], known: Collection[str]) -> list[str]:
    """Return what was chosen, in one order: equal watchers have equal arguments.

    :raises ValueError: something that Apify does not have.
    """
    chosen = {given} if isinstance(given, str) else set(given)
    if wrong := sorted(chosen - set(known)):
        raise ValueError(f"{name} may be {', '.join(sorted(known))}, not {', '.join(map(repr, wrong))}.")
    return sorted(chosen)
