"""Which runs of an account have ended since a look before, by its lists of runs. No I/O."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Self

from airflow_provider_apify._api.answers import Response, data_of
from airflow_provider_apify._api.facts import MAX_PAGE
from airflow_provider_apify._api.flows import Flow, call_reading, together
from airflow_provider_apify._api.runs import endpoints
from airflow_provider_apify._api.runs.reading import get_run
from airflow_provider_apify.exceptions import ApifyNotFoundError
from airflow_provider_apify.models._fields import read_time
from airflow_provider_apify.models.runs import UNFINISHED_STATUSES, ActorRun
from airflow_provider_apify.options import RetryPolicy, Target

OVERLAP = timedelta(seconds=60)
"""So far back each look reads what was read before: a list may lack what has just begun."""
_AT_A_TIME = 50
"""So many runs are read at the same time: thousands that have ended would refuse each other, and none get through."""
_REMEMBERED = timedelta(minutes=10)
"""For so long an end that was told is known: a list may show as unfinished what has just ended."""


@dataclass(frozen=True)
class Look:
    """What the lists of an account show at one time.

    :param going: the runs that go on, by their IDs.
    :param ended: runs that have ended since the look before, and maybe some that it had, too; oldest end first.
    :param until: the newest start or end that was seen so far, by Apify's clock; ``None``: there never was a run.
    """

    going: Mapping[str, ActorRun]
    ended: tuple[ActorRun, ...]
    until: datetime | None


def look_for_ends(going: Collection[str], until: datetime | None, retry: RetryPolicy) -> Flow[Look]:
    """Look which runs have ended since a look before: of those that went on then, and of those that began since.

    Two requests, and one for each run that took longer than a minute and has ended.

    :param going: IDs of the runs that went on at the look before.
    :param until: of the look before; ``None``, where there was none, looks only at what goes on, and at the newest.
    """
    newest = _page(0, retry) if until is None else _all_pages(retry, started_after=until - OVERLAP)
    unfinished, begun = yield from together([_all_pages(retry, status=UNFINISHED_STATUSES), newest])
    shown = {run.id: run for run in (*unfinished, *begun)}
    lost = [run_id for run_id in going if run_id not in shown]
    for begin in range(0, len(lost), _AT_A_TIME):
        read = yield from together(_read(run_id, retry) for run_id in lost[begin : begin + _AT_A_TIME])
        shown |= {run.id: run for run in read if run}
    runs = shown.values()
    # A run without a time of its end is as good as going: two ends are told apart by that.
    ended = sorted((run for run in runs if run.is_finished and run.finished_at), key=lambda run: str(run.finished_at))
    over = {run.id for run in ended}
    times = [time for run in runs for time in (run.started_at, run.finished_at) if time is not None]
    return Look(
        going={run.id: run for run in runs if run.id not in over},
        ended=tuple(ended),
        until=max([*times, *([until] if until else [])], default=None),
    )


def _all_pages(retry: RetryPolicy, **chosen: Any) -> Flow[list[ActorRun]]:
    runs: list[ActorRun] = []
    while True:
        page = yield from _page(len(runs), retry, **chosen)
        runs += page
        if len(page) < MAX_PAGE:
            return runs


def _page(offset: int, retry: RetryPolicy, **chosen: Any) -> Flow[list[ActorRun]]:
    return (yield from call_reading(endpoints.list_runs(None, offset=offset, **chosen), retry, _read_page))


def _read_page(answer: Response) -> list[ActorRun] | None:
    try:
        data = data_of(answer)
        return None if data is None else [ActorRun.from_api(item) for item in data["items"]]
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _read(run_id: str, retry: RetryPolicy) -> Flow[ActorRun | None]:
    """Read one run; ``None`` where it was deleted meanwhile."""
    try:
        return (yield from get_run(run_id, retry))
    except ApifyNotFoundError as error:
        if not error.is_certain:
            raise
        return None


@dataclass(frozen=True)
class Wanted:
    """Whose ends a watcher wants to know.

    :param target: the Actor or saved task, by its ID; ``None`` for all of the account.
    :param statuses: final ones.
    :param origins: how the run was started; none for all.
    """

    target: Target | None
    statuses: frozenset[str]
    origins: frozenset[str]

    def watches(self, run: ActorRun) -> bool:
        """Tell whether the end of a run may be wanted."""
        if self.target is None:
            return True
        return self.target.id == (run.actor_id if self.target.kind == "actor" else run.actor_task_id)

    def wants(self, run: ActorRun) -> bool:
        """Tell whether the end of a run is wanted, as it has ended."""
        is_chosen = run.status in self.statuses and (not self.origins or run.meta.origin in self.origins)
        return is_chosen and self.watches(run)


@dataclass
class Watch:
    """Where a watcher is: enough to miss no end, and to tell none twice, also after a stop.

    A run that is resurrected ends once more, and that is another end.

    :param wanted: whose ends are told.
    :param going: IDs of watched runs that go on.
    :param until: as of :class:`Look`.
    :param told: ends that were told lately: the time of each, by the run's ID.
    """

    wanted: Wanted
    going: set[str] = field(default_factory=set)
    until: datetime | None = None
    told: dict[str, datetime] = field(default_factory=dict)

    def take(self, look: Look) -> list[ActorRun]:
        """Take a look in, and return the wanted ends that have not been told, oldest first."""
        new = [run for run in look.ended if self.wanted.wants(run) and self.told.get(run.id) != run.finished_at]
        self.going = {run.id for run in look.going.values() if self.wanted.watches(run)}
        self.until = look.until
        self.told |= {run.id: run.finished_at for run in new if run.finished_at}
        if look.until is not None:
            self.told = {run_id: end for run_id, end in self.told.items() if end > look.until - _REMEMBERED}
        return new

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON, to be kept while nobody watches."""
        told = {run_id: end.isoformat() for run_id, end in self.told.items()}
        return {"going": sorted(self.going), "until": self.until and self.until.isoformat(), "told": told}

    @classmethod
    def from_dict(cls, wanted: Wanted, kept: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_dict` returned.

        :raises ValueError: it is something else, as is a ``KeyError``, ``TypeError`` or ``AttributeError``.
        """
        told: dict[str, datetime] = {run_id: end for run_id, text in kept["told"].items() if (end := read_time(text))}
        return cls(wanted, set(kept["going"]), read_time(kept["until"]), told)
