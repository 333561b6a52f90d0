"""How a task's attempt starts its run: the only place of these measurements that calls the package."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from airflow_provider_apify._api.runs.choosing import Terms, decide
from airflow_provider_apify._api.runs.finding import EarlierRuns, Finder, Trace
from airflow_provider_apify._api.runs.identity import Identity
from airflow_provider_apify._api.runs.starting import Starter, abort_runs
from airflow_provider_apify.options import RunOptions, Target

CONNECTION = "crowd"
RETRIES = 2


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """An attempt of one of many mapped tasks.

    :param actor: the Actor's name.
    :param number: the map index.
    :param timeout: seconds; each start asks for one of its own, which tells the runs apart.
    :param number_of_try: counted from 1.
    :param since: Unix time before which no attempt has started a run, as the task has noted it, or its DAG run says.
    :param sent_at: Unix time when the attempt before has sent its start, as far as the task has noted it.
    """

    actor: str
    number: int
    timeout: int
    number_of_try: int = 1
    since: float
    sent_at: float | None = None

    @property
    def marker(self) -> str:
        """What ends the User-Agent of a start of this attempt."""
        return self._identity.marker

    @property
    def _identity(self) -> Identity:
        task = {"dag_id": "crowd", "task_id": "run", "run_id": "one", "map_index": self.number, "max_tries": RETRIES}
        ti: Any = SimpleNamespace(**task, try_number=self.number_of_try)
        return Identity.of(ti)

    def start(self) -> str:
        """Start the run, or find that of an earlier attempt, and return its ID.

        :raises ApifyError: the attempt fails.
        """
        from airflow_provider_apify.hooks.apify import ApifyHook  # noqa: PLC0415 - imports Airflow

        hook, target = ApifyHook(CONNECTION), Target("actor", self.actor)
        settle, terms = hook._connection.start_settle_seconds, Terms()
        finder = Finder(target, self._identity, hook.retry)
        found = hook._drive(EarlierRuns(self._trace, finder, _unheard, accept=terms.accept, settle=settle).find())
        decision = decide(found, self._identity.rerun, terms)
        hook._drive(abort_runs(decision.abort, hook.retry, _unheard))
        if decision.take is not None:
            return decision.take.id
        request = hook._start_request(target, {"page": self.number}, RunOptions(timeout=self.timeout))
        return hook._drive(Starter(request, finder, hook.retry, _unheard, settle=settle).start()).id

    @property
    def _trace(self) -> Trace:
        return Trace(
            may_have_started=self.number_of_try > 1,
            began=self.since,
            since=self.since,
            sent_at=self.sent_at,
        )


def _unheard(_words: str) -> None:
    """Take what is otherwise for the task's log."""
