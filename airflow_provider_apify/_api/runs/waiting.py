"""Wait for a run's end, by long-poll or polling. No I/O."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from airflow_provider_apify._api.facts import MAX_WAIT_SECONDS, REPLICA_LAG_SECONDS
from airflow_provider_apify._api.flows import Flow, call_data
from airflow_provider_apify._api.request import Watched
from airflow_provider_apify._api.runs import endpoints
from airflow_provider_apify._api.runs.reading import get_run
from airflow_provider_apify._api.runs.showing import LogShower
from airflow_provider_apify.exceptions import (
    ApifyConnectionError,
    ApifyNotFoundError,
    ApifyRateLimitError,
    ApifyServerError,
)
from airflow_provider_apify.models.runs import ActorRun, RunEvent
from airflow_provider_apify.options import RetryPolicy

# An unfinished run answered sooner than this was not waited for (a proxy, a capped wait): do not hammer.
_SHORTEST_WAIT_SECONDS = 1.0

_PAUSE_SECONDS = 5.0

SHORTEST_POLL_SECONDS = 0.1
"""Between two plain requests."""


@dataclass(frozen=True)
class Waiting:
    """How to wait for a run.

    :param deadline: Unix time after which to stop waiting; ``None`` waits for ever.
    :param long_poll: seconds (1 to 60) that each request lets the server wait for the end.
    :param poll_interval: seconds between plain requests; ``None`` long-polls instead.
    :param first_delay: seconds before the first request, to spread waiters that arrive together.
    :param settle: seconds after the run's end at which it is read once more, because costs and counts lag.
    :param cost_limit: US dollars of platform usage above which to stop waiting; ``None`` for no limit.
    """

    deadline: float | None = None
    long_poll: int = MAX_WAIT_SECONDS
    poll_interval: float | None = None
    first_delay: float = 0.0
    settle: float = 0.0
    cost_limit: float | None = None


def wait_for_run(
    run_id: str,
    retry: RetryPolicy,
    waiting: Waiting,
    *,
    on_update: Callable[[ActorRun], None] = lambda _run: None,
    log: LogShower | None = None,
    clock: Callable[[], float] = time.time,
) -> Flow[RunEvent]:
    """Wait until the run is finished, the deadline has passed, or the run has become too expensive.

    :param on_update: called with the run as it is after each answer.
    :param log: shows the run's log then.
    :param clock: Unix time, for tests.
    """
    watch = _Watch(run_id, retry.patient(), waiting, clock, needs_answers=log is not None)
    while True:
        run = yield from watch.look()
        if run is None:
            continue
        on_update(run)
        if log is not None and (run.is_finished or not watch.is_over):
            yield from log.look(run)
        if run.is_finished:
            run = yield from watch.settled(run)  # where it may turn out to be resurrected
        if run.is_finished:
            return RunEvent(run)
        if waiting.cost_limit is not None and (run.usage_total_usd or 0) > waiting.cost_limit:
            return RunEvent(run, cost_limit_passed=True)
        if watch.is_over:
            return RunEvent(run, deadline_passed=True)


class _Watch:
    """The state of one wait: when it began, how long to pause, what was last seen."""

    def __init__(
        self, run_id: str, retry: RetryPolicy, waiting: Waiting, clock: Callable[[], float], *, needs_answers: bool
    ) -> None:
        self._run_id, self._retry, self._waiting, self._clock = run_id, retry, waiting, clock
        self._grace_ends = clock() + waiting.first_delay + REPLICA_LAG_SECONDS
        self._until = math.inf if waiting.deadline is None else waiting.deadline
        self._delay = waiting.first_delay
        self._last: ActorRun | None = None
        # Who asks at fixed times, or after each answer for something else, does not wait for other news.
        is_plain = needs_answers or waiting.poll_interval is not None
        self._watched = None if is_plain else Watched(run_id, waiting.cost_limit)

    @property
    def is_over(self) -> bool:
        """Whether the deadline has passed."""
        return self._clock() >= self._until

    def look(self) -> Flow[ActorRun | None]:
        """Ask once, after the pause that is due; ``None`` where the run is too young to be known everywhere."""
        asked = self._clock() + self._delay
        # Repeated without the long wait: proxies cut idle connections, and the deadline may be near by then.
        plain = replace(endpoints.get_run(self._run_id), held_until=self._until)
        request = endpoints.get_run(self._run_id, wait=self._server_wait(asked))
        request = replace(request, delay=self._delay, held_until=self._until, watched=self._watched)
        # Who has seen nothing yet has nothing to tell at the deadline either.
        until = math.inf if self._last is None else self._until
        try:
            data = yield from call_data(request, self._retry, again=plain, until=until, clock=self._clock)
        except ApifyNotFoundError as error:
            if self._clock() > self._grace_ends:
                if error.is_certain:
                    raise
                # Who says so does not know of runs: the run goes on for all that is known.
                raise ApifyConnectionError(f"Whether run {self._run_id} goes on is unknown: {error}") from error
            self._delay = _SHORTEST_WAIT_SECONDS
            return None
        except (ApifyConnectionError, ApifyServerError, ApifyRateLimitError):
            if self._last is None or not self.is_over:
                raise
            return self._last  # the deadline passed while Apify did not answer
        self._delay = self._pause(elapsed=self._clock() - asked)
        self._last = ActorRun.from_api(data)
        return self._last

    def settled(self, run: ActorRun) -> Flow[ActorRun]:
        """Read a finished run again when its costs and counts are final."""
        settle = self._waiting.settle
        if settle <= 0:
            return run
        age = self._clock() - run.finished_at.timestamp() if run.finished_at else 0.0
        # Apify's clock may differ from ours: never wait longer than ``settle``.
        return (yield from get_run(run.id, self._retry, delay=min(settle, max(0.0, settle - age))))

    def _server_wait(self, now: float) -> int:
        if self._waiting.poll_interval is not None:
            return 0
        return max(1, int(min(self._waiting.long_poll, self._until - now)))

    def _pause(self, *, elapsed: float) -> float:
        """Return the seconds before the next request: none after a long-poll that was really waited for."""
        pause = self._waiting.poll_interval
        if pause is not None:
            pause = max(pause, SHORTEST_POLL_SECONDS)
        else:
            pause = 0.0 if elapsed >= _SHORTEST_WAIT_SECONDS else _PAUSE_SECONDS
        return max(0.0, min(pause, self._until - self._clock()))
