"""The search for the runs of one task instance among those of its Actor or saved task. No I/O.

Lists may lack the User-Agent that tells whose a run is, so runs are read one by one: as few as can be.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from airflow_provider_apify._api import endpoints
from airflow_provider_apify._api.answers import Response, data_of
from airflow_provider_apify._api.endpoints import Request
from airflow_provider_apify._api.flows import Flow, RetryPolicy, call_known_run, call_reading
from airflow_provider_apify._api.identity import Identity
from airflow_provider_apify.exceptions import ApifyConnectionError, ApifyNotFoundError
from airflow_provider_apify.models import UNFINISHED_STATUSES, ActorRun
from airflow_provider_apify.options import Target

# By how much a clock may be ahead of Apify's while that is unknown.
_CLOCK_SKEW_SECONDS = 3_600.0
# Apify tells its time in whole seconds.
_CLOCK_STEP_SECONDS = 5.0
# Runs that are started otherwise than by a request to the API.
_OTHER_ORIGINS = {"WEB", "SCHEDULER", "WEBHOOK", "ACTOR", "DEVELOPMENT", "TEST", "STANDBY"}
_PAGE = 1_000
_MOST_RUNS = 10_000


class Search:
    """Find the runs of one task instance, of all its attempts and reruns.

    :param task: :attr:`Identity.task <airflow_provider_apify._api.identity.Identity.task>` of the task instance.
    :param clock: Unix time.
    """

    def __init__(self, target: Target, task: str, retry: RetryPolicy, clock: Callable[[], float]) -> None:
        self._target, self._task, self._clock = target, task, clock
        self._retry = retry.patient_with_apify()
        self._foreign: set[str] = set()
        # Seconds by which our clock is ahead of Apify's, once that is known.
        self._ahead: float | None = None

    def be_patient(self) -> None:
        """Outlast whatever answers in Apify's place: a run may be going on, or Apify has answered here before."""
        self._retry = self._retry.patient()

    def started(self, since: float, *, delay: float = 0.0) -> Flow[list[ActorRun]]:
        """Return the runs that were started since then, whatever has become of them.

        :param since: Unix time by a clock that goes as this machine's does, however differently Apify's goes.
        :param delay: seconds before the first request.
        """
        asked = self._by_apify(since)
        found = yield from self._listed_since(asked, since, delay)
        if self._by_apify(since) < asked:
            # Apify's time is known now: ours is so far ahead that the list began too late.
            found = yield from self._listed_since(self._by_apify(since), since, 0.0)
        return found

    def unfinished(self) -> Flow[list[ActorRun]]:
        """Return the runs that have not ended, whenever they were started: clocks do not matter to them."""
        found = yield from self._among(lambda _item: True, status=UNFINISHED_STATUSES)
        return [run for run in found if not run.is_finished]

    def read(self, run_id: str) -> Flow[ActorRun | None]:
        """Read a run that was noted or is listed; ``None`` where Apify says that there is none."""
        try:
            return (yield from call_known_run(endpoints.get_run(run_id), self._retry))
        except ApifyNotFoundError as error:
            if not error.is_certain:
                # A proxy's answer, or a wrong address, must not lead to a second run.
                raise ApifyConnectionError(f"Whether run {run_id} goes on is unknown: {error}") from error
            return None

    def _listed_since(self, asked: datetime, since: float, delay: float) -> Flow[list[ActorRun]]:
        # Not every list is limited by Apify itself, and the first page tells its time.
        def is_meant(item: dict[str, Any]) -> bool:
            return datetime.fromisoformat(item["startedAt"]) >= self._by_apify(since)

        return (yield from self._among(is_meant, started_after=asked, delay=delay))

    def _by_apify(self, since: float) -> datetime:
        """Translate a time of our clock into Apify's, and rather too early than too late."""
        allowance = _CLOCK_SKEW_SECONDS if self._ahead is None else self._ahead + _CLOCK_STEP_SECONDS
        return datetime.fromtimestamp(since - allowance, UTC)

    def _among(
        self,
        is_meant: Callable[[dict[str, Any]], bool],
        *,
        status: Collection[str] = (),
        started_after: datetime | None = None,
        delay: float = 0.0,
    ) -> Flow[list[ActorRun]]:
        """Return the task instance's runs out of a list, the newest first, until it has none that can be meant."""
        found: dict[str, ActorRun] = {}
        for offset in range(0, _MOST_RUNS, _PAGE):
            request = endpoints.list_runs(
                self._target, status=status, started_after=started_after, offset=offset, limit=_PAGE
            )
            items = yield from self._page(replace(request, delay=0.0 if offset else delay))
            meant = list(filter(is_meant, items))
            for item in meant:
                run = yield from self._in_full(item)
                if run is not None:
                    found[run.id] = run
            if len(meant) < _PAGE:
                return list(found.values())
        which = "unfinished runs" if status else f"runs since {started_after}"
        raise ApifyConnectionError(
            f"{self._target} has more than {_MOST_RUNS:,} {which}: among so many, the run of an earlier attempt is not "
            "searched for. Look for it in Apify Console.",
        )

    def _page(self, request: Request) -> Flow[list[dict[str, Any]]]:
        """Return a page of a list, and learn Apify's time from the first."""

        def read(answer: Response) -> list[dict[str, Any]] | None:
            data = data_of(answer)
            if data is None:
                return None
            self.be_patient()
            if self._ahead is None:
                self._ahead = _ahead(answer.headers.get("date"), self._clock())
            items: list[dict[str, Any]] = data["items"]
            return items

        return (yield from call_reading(request, self._retry, read))

    def _in_full(self, item: dict[str, Any]) -> Flow[ActorRun | None]:
        """Return a listed run if this task instance has started it."""
        meta = item.get("meta") or {}
        if item["id"] in self._foreign or meta.get("origin") in _OTHER_ORIGINS:
            return None
        run = ActorRun.from_api(item) if "userAgent" in meta else (yield from self.read(item["id"]))
        identity = run and Identity.parse(run.user_agent)
        if identity and identity.task == self._task:
            return run
        if run is not None:
            self._foreign.add(item["id"])
        return None


def _ahead(date: str | None, now: float) -> float | None:
    """Return by how many seconds a clock is ahead of the one that has written an HTTP date."""
    try:
        return now - parsedate_to_datetime(date or "").timestamp()
    except ValueError:
        return None
