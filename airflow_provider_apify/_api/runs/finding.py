"""Find the runs that one task instance has started, on whichever attempt or rerun. No I/O.

Apify keeps with each run the marker of the request that started it, but its lists may not show it. So runs are read:
those first that were started about when the wanted one must have been, several at a time, and none after the one that
settles the question.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from airflow_provider_apify._api.answers import Response, data_of
from airflow_provider_apify._api.facts import MAX_PAGE
from airflow_provider_apify._api.flows import LOOKS, Flow, call_reading, together
from airflow_provider_apify._api.request import Request
from airflow_provider_apify._api.runs import endpoints
from airflow_provider_apify._api.runs.changing import ended_run
from airflow_provider_apify._api.runs.identity import Identity
from airflow_provider_apify._api.runs.reading import call_known_run
from airflow_provider_apify.exceptions import ApifyConnectionError, ApifyNotFoundError, ApifyTooManyRuns
from airflow_provider_apify.models.runs import UNFINISHED_STATUSES, ActorRun
from airflow_provider_apify.options import RetryPolicy, Target

# By how much a clock may be ahead of Apify's while that is unknown.
_CLOCK_SKEW_SECONDS = 3_600.0
# Apify tells its time in whole seconds, and the clocks of the machines of one Airflow may differ a little.
_DATE_STEP_SECONDS = 1.0
_CLOCK_STEP_SECONDS = 2.0
# Runs that are started otherwise than by a request to the API.
_OTHER_ORIGINS = {"WEB", "SCHEDULER", "WEBHOOK", "ACTOR", "DEVELOPMENT", "TEST", "STANDBY"}
_PAGE = MAX_PAGE
_MOST_RUNS = 10_000
# The first few that are read are the likeliest; each round after that is larger by half, up to the largest.
_FIRST_ROUND = 2
_LARGEST_ROUND = 16

IsEnough = Callable[[ActorRun], bool]


@dataclass(frozen=True, kw_only=True)
class Trace:
    """What a task instance knows of its earlier attempts before anything is asked.

    :param noted: runs that earlier attempts have noted: the rerun of each by its ID.
    :param may_have_started: whether an earlier attempt may have started a run that is not among them.
    :param began: Unix time when the DAG run began. A run of before that was of another DAG run of the same name.
    :param since: Unix time before which no run was started that nobody has noted; not before ``began``.
    :param sent_at: Unix time at which its start was sent, as far as that is known.
    :param is_quiet: whether no start of an earlier attempt can be under way any more.
    """

    noted: Mapping[str, int] = field(default_factory=dict)
    may_have_started: bool = True
    began: float = 0.0
    since: float = 0.0
    sent_at: float | None = None
    is_quiet: bool = False


@dataclass(frozen=True)
class OwnRun:
    """A run that the task instance has started.

    :param rerun: which it was started for, see :class:`Identity`; ``None`` where nobody knows.
    :param attempt: which has started it.
    :param is_leftover: whether it is older than the DAG run: it was of another of the same name, which is gone. It may
        be aborted, and never taken.
    """

    run: ActorRun
    rerun: int | None = None
    attempt: int = 0
    is_leftover: bool = False


class Finder:
    """Find runs of one task instance.

    :param identity: of the attempt that looks.
    :param clock: Unix time.
    :ivar looked_at: Unix time when it was last asked what was started; ``None`` before that.
    """

    def __init__(
        self, target: Target, identity: Identity, retry: RetryPolicy, *, clock: Callable[[], float] = time.time
    ) -> None:
        self.target, self.identity, self._clock = target, identity, clock
        # What is asked for here decides about money: an outage must not cut it short.
        self._retry, self._patient = retry.patient_with_apify(), retry.patient()
        self._foreign: set[str] = set()
        # Not by ``clock``: this is about whether the process stood still, not about when Apify did something.
        self.looked_at: float | None = None
        # Seconds by which our clock is ahead of Apify's at most, once that is known, and half of what it may be less.
        self._ahead: float | None = None
        self._blur = 0.0

    def be_patient(self) -> None:
        """Outlast whatever answers in Apify's place: a run may be going on, or Apify has answered here before."""
        self._retry = self._patient

    def read(self, run_id: str) -> Flow[ActorRun | None]:
        """Read a run that was noted or is listed; ``None`` where Apify says that there is none."""
        try:
            return (yield from call_known_run(endpoints.get_run(run_id), self._retry))
        except ApifyNotFoundError as error:
            if not error.is_certain:
                # A proxy's answer, or a wrong address, must not lead to a second run.
                raise ApifyConnectionError(f"Whether run {run_id} goes on is unknown: {error}") from error
            return None

    def is_mine(self, run: ActorRun) -> bool:
        """Tell whether this very attempt has started a run."""
        return Identity.parse(run.user_agent) == self.identity

    def is_later(self, run: ActorRun) -> bool:
        """Tell whether an attempt after this one has started a run of the task: then this one is over."""
        its_own = Identity.parse(run.user_agent)
        return its_own is not None and its_own.attempt > self.identity.attempt

    def ended(self, run_id: str) -> Flow[ActorRun]:
        """Wait for the end of a run that is being stopped; see :func:`ended_run`."""
        return (yield from ended_run(run_id, self._patient, self._clock))

    def started(
        self, since: float, *, is_enough: IsEnough, near: float | None = None, delay: float = 0.0
    ) -> Flow[list[ActorRun]]:
        """Return runs that were started since then, whatever has become of them.

        :param since: Unix time by a clock that goes as this machine's does, however differently Apify's goes.
        :param is_enough: tells a run after which no other is of interest.
        :param near: Unix time about which the wanted run was started; ``None`` begins with the newest.
        :param delay: seconds before the first request.
        :raises ApifyTooManyRuns: there are too many to read them all.
        """
        # Lists of saved tasks' runs cannot be limited to a time, so they begin with the newest.
        is_newest_first = near is None or self.target.kind == "task"
        found: dict[str, ActorRun] = {}
        total, items = yield from self._first_page(since, delay, desc=is_newest_first)
        are_too_many = total > _MOST_RUNS and self.target.kind == "actor"
        if are_too_many and near is None:
            raise self._too_many(since)
        for following in range(_PAGE, _MOST_RUNS + 1, _PAGE):
            meant = [item for item in items if _started_at(item) >= self._by_apify(since)]
            runs = yield from self._own_among(self._likeliest_first(meant, near), is_enough)
            found |= {run.id: run for run in runs}
            if any(map(is_enough, runs)) or len(meant) < _PAGE:
                return list(found.values())
            if are_too_many or following == _MOST_RUNS:
                break
            _, items = yield from self._page(self._list_since(since, desc=is_newest_first, offset=following))
        raise self._too_many(since)

    def _too_many(self, since: float) -> ApifyTooManyRuns:
        return ApifyTooManyRuns(
            f"{self.target} has more than {_MOST_RUNS:,} runs since {self._by_apify(since):%Y-%m-%d %H:%M:%S} UTC: too "
            "many to find out whether an earlier attempt has started one of them. Look in Apify Console for a run "
            f"whose User-Agent holds start={self.identity.task}, abort it, and clear the task.",
        )

    def unfinished(self) -> Flow[list[ActorRun]]:
        """Return the runs that have not ended, whenever they were started: clocks do not matter to them."""
        found: dict[str, ActorRun] = {}
        for offset in range(0, _MOST_RUNS, _PAGE):
            request = endpoints.list_runs(self.target, status=UNFINISHED_STATUSES, offset=offset)
            _total, items = yield from self._page(request)
            runs = yield from self._own_among(items, lambda _run: False)
            found |= {run.id: run for run in runs if not run.is_finished}
            if len(items) < _PAGE:
                break
        return list(found.values())

    def is_from_before(self, run: ActorRun, moment: float) -> bool:
        """Tell whether a run was started before a Unix time of our clock, as far as clocks tell."""
        return _started_at(run.raw) < self._by_apify(moment)

    def _first_page(self, since: float, delay: float, *, desc: bool) -> Flow[tuple[int, list[Mapping[str, Any]]]]:
        """Return the first page of a list; once more where Apify's time, which it tells, asks for another beginning."""
        self.looked_at = time.time() + delay
        asked = self._by_apify(since)
        total, items = yield from self._page(replace(self._list_since(since, desc=desc), delay=delay))
        begin = self._by_apify(since)
        if begin < asked or (begin > asked and len(items) == _PAGE):
            return (yield from self._page(self._list_since(since, desc=desc)))
        return total, items

    def _list_since(self, since: float, *, desc: bool, offset: int = 0) -> Request:
        return endpoints.list_runs(self.target, started_after=self._by_apify(since), desc=desc, offset=offset)

    def _by_apify(self, since: float) -> datetime:
        """Translate a time of our clock into Apify's, and rather too early than too late."""
        allowance = _CLOCK_SKEW_SECONDS if self._ahead is None else self._ahead + _CLOCK_STEP_SECONDS
        return datetime.fromtimestamp(since - allowance, UTC)

    def _likeliest_first(self, items: Iterable[Mapping[str, Any]], near: float | None) -> list[Mapping[str, Any]]:
        """Sort listed runs by how near they were started to a time of our clock; without one, the newest first."""
        middle = _CLOCK_STEP_SECONDS + self._blur  # not rather too early here
        wanted = datetime.max.replace(tzinfo=UTC) if near is None else self._by_apify(near + middle)
        return sorted(items, key=lambda item: abs(_started_at(item) - wanted))

    def _page(self, request: Request) -> Flow[tuple[int, list[Mapping[str, Any]]]]:
        """Return how many runs a list has in all, and a page of it; learn Apify's time from the first."""
        asked = self._clock() + request.delay

        def read(answer: Response) -> tuple[int, list[Mapping[str, Any]]] | None:
            data = data_of(answer)
            if data is None:
                return None
            self.be_patient()
            if self._ahead is None:
                now = self._clock()
                self._ahead = _ahead(answer.headers.get("date"), now)
                self._blur = (now - asked + _DATE_STEP_SECONDS) / 2
            return data.get("total", 0), data["items"]

        return (yield from call_reading(request, self._retry, read))

    def _own_among(self, items: Iterable[Mapping[str, Any]], is_enough: IsEnough) -> Flow[list[ActorRun]]:
        """Return the task instance's runs among listed ones, up to one that is enough."""
        found: list[ActorRun] = []
        for few in _rounds([item for item in items if not self._is_foreign(item)]):
            runs = yield from together(map(self._own, few))
            found += filter(None, runs)
            if any(map(is_enough, found)):
                break
        return found

    def _is_foreign(self, item: Mapping[str, Any]) -> bool:
        return item["id"] in self._foreign or (item.get("meta") or {}).get("origin") in _OTHER_ORIGINS

    def _own(self, item: Mapping[str, Any]) -> Flow[ActorRun | None]:
        """Return a listed run if this task instance has started it."""
        is_told = "userAgent" in (item.get("meta") or {})
        run = ActorRun.from_api(item) if is_told else (yield from self.read(item["id"]))
        identity = Identity.parse(run.user_agent) if run else None
        if identity and identity.task == self.identity.task:
            return run
        if run is not None:
            self._foreign.add(item["id"])
        return None


class EarlierRuns:
    """Find what earlier attempts and reruns of a task instance have started.

    :param report: takes a sentence about anything but the plain way, for the task's log.
    :param accept: final statuses of a good run.
    :param settle: seconds for which a start whose sender is dead may still be under way.
    """

    def __init__(
        self,
        trace: Trace,
        finder: Finder,
        report: Callable[[str], object],
        *,
        accept: Collection[str],
        settle: float,
    ) -> None:
        self._trace, self._finder, self._report = trace, finder, report
        self._accept, self._settle = accept, settle

    def find(self) -> Flow[list[OwnRun]]:
        """Return those that matter; those of this rerun that are being stopped, when they have ended.

        They are looked for as long as a start may be under way, or until one is found after which none was sent.

        :raises ApifyConnectionError: Apify did not answer for so long that it stays unknown whether there is a run.
        """
        noted = yield from self._noted()
        is_missing = len(noted) < len(self._trace.noted)
        listed: list[OwnRun] = []
        if self._trace.may_have_started or is_missing:
            is_sure = (self._trace.is_quiet and not is_missing) or any(self._is_last(own.run) for own in noted)
            listed = yield from self._look((0.0,) if is_sure else (0.0, *LOOKS))
        known = {own.run.id for own in noted}
        found = [*noted, *(own for own in listed if own.run.id not in known)]
        for index, own in enumerate(found):
            if own.run.is_ending and own.rerun == self._finder.identity.rerun and not own.is_leftover:
                found[index] = replace(own, run=(yield from self._finder.ended(own.run.id)))
        return found

    def _noted(self) -> Flow[list[OwnRun]]:
        found = []
        for run_id in self._trace.noted:
            self._finder.be_patient()
            run = yield from self._finder.read(run_id)
            if run is None:
                # Deleted, it is in no list either; where the API's replicas lag, it is there after a while.
                self._report(f"Run {run_id} of an earlier attempt is unknown to Apify: looking for it.")
            else:
                found.append(self._own(run))
        return found

    def _look(self, shares: Collection[float]) -> Flow[list[OwnRun]]:
        """Look at what was started since the DAG run began, until it is enough; else at what goes on from before it.

        :param shares: the pauses before the looks, as shares of the settling time.
        """
        if len(shares) > 1:
            self._report("An earlier attempt may have started a run: looking for it.")
        started: list[ActorRun] = []
        for share in shares:
            started = yield from self._finder.started(
                self._trace.since, is_enough=self._is_last, near=self._trace.sent_at, delay=share * self._settle
            )
            if any(map(self._is_last, started)):
                return list(map(self._listed, started))
        known = {run.id for run in started}
        others = [run for run in (yield from self._finder.unfinished()) if run.id not in known]
        return list(map(self._listed, [*started, *others]))

    def _is_last(self, run: ActorRun) -> bool:
        """Tell whether no earlier attempt can have started a run after this one: each looks for those before it."""
        own, identity = self._listed(run), self._finder.identity
        if own.is_leftover:
            return False
        is_good = (run.is_going or run.status in self._accept) and own.rerun == identity.rerun
        return is_good or own.attempt >= identity.attempt - 1

    def _listed(self, run: ActorRun) -> OwnRun:
        return replace(self._own(run), is_leftover=self._finder.is_from_before(run, self._trace.began))

    def _own(self, run: ActorRun) -> OwnRun:
        """Tell what a run was started for: by what was noted, else by its marker."""
        identity = Identity.parse(run.user_agent)
        rerun = self._trace.noted.get(run.id, identity.rerun if identity else None)
        return OwnRun(run, rerun, identity.attempt if identity else 0)


def _rounds(items: list[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    """Cut into rounds, each larger by half than the one before, up to the largest."""
    begin, size = 0, _FIRST_ROUND
    while begin < len(items):
        yield items[begin : begin + size]
        begin, size = begin + size, min(size + size // 2, _LARGEST_ROUND)


def _started_at(item: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(item["startedAt"])


def _ahead(date: str | None, now: float) -> float | None:
    """Return by how many seconds a clock is ahead of the one that has written an HTTP date."""
    try:
        return now - parsedate_to_datetime(date or "").timestamp()
    except ValueError:
        return None
