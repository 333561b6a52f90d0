"""Judge what a case has left behind."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from airflow_provider_apify.models.runs import SUCCEEDED
from local_apify import LedgerRun
from tests.chaos.case import STRUCK_INDEX, Case, Counts

UNFINISHED = "unfinished"
GRACE = timedelta(seconds=10)
"""How long a run may go on when its task is over: somebody may be just about to abort it."""


@dataclass(frozen=True, kw_only=True)
class Instance:
    """What is left of one task instance.

    :param tries: how many it took.
    :param lost: those whose worker Airflow itself says that it has lost.
    :param result: the ID of the run whose result the task has returned, if it has.
    :param runs: at Apify, oldest first.
    """

    tries: int
    lost: Collection[int] = ()
    result: str | None
    runs: Sequence[LedgerRun]


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What is left of a case.

    :param state: how the DAG run has ended; :data:`UNFINISHED` if it has not.
    :param ended_at: when.
    :param instances: of the task that started the runs; several where it is mapped.
    :param is_marked: whether a user has ended the task.
    :param faults: of the local Apify, each with how often it ``happened``.
    :param has_died: whether a worker has come to where it was to die.
    :param trouble: what went wrong with the case itself.
    """

    state: str
    ended_at: datetime | None
    instances: Sequence[Instance]
    is_marked: bool = False
    faults: Sequence[Mapping[str, Any]] = ()
    has_died: bool = False
    trouble: str = ""


@dataclass(frozen=True)
class Verdict:
    """What a case has led to.

    :param state: how the DAG run ended.
    :param runs: how the runs at Apify have ended, oldest first; ``RUNNING`` where one goes on.
    :param trouble: why this says nothing about the case: what was to go wrong has not, or something else has.
    :param failed_tries: tries beyond the expected ones that only the task itself can have failed.
    :param again: the trouble that it was played again for.
    """

    case: Case
    state: str
    runs: tuple[str, ...]
    counts: Counts
    trouble: str = ""
    failed_tries: int = 0
    again: str = ""

    @property
    def is_as_expected(self) -> bool:
        """Whether everything is as the table says."""
        expected = (self.case.state, self.case.costs, "", 0)
        is_right = self.runs in {self.case.runs, self.case.also}
        return is_right and (self.state, self.counts, self.trouble, self.failed_tries) == expected

    @property
    def is_spoilt(self) -> bool:
        """Whether it says nothing about the case, and may be played again: trouble that the task has not made."""
        return bool(self.trouble) and self.counts == self.case.costs and not self.failed_tries

    def played_again(self, before: Verdict | None) -> Verdict:
        """Return it with why the case was played again, if it was.

        :param before: the verdict on the play before this one.
        """
        return self if before is None else replace(self, again=before.trouble)

    def __str__(self) -> str:
        """Say it in one line."""
        counts = ", ".join(f"{count} {name}" for name, count in self.counts._asdict().items())
        failed = f"{self.failed_tries} failed tries too many" if self.failed_tries else ""
        parts = [f"{self.case.key}: {self.state}, {' '.join(self.runs) or 'no run'}", counts, failed, self.trouble]
        return "; ".join(filter(None, parts))


def judge(case: Case, seen: Seen, *, is_plain: bool = False) -> Verdict:
    """Judge a case by what is left of it.

    :param is_plain: whether the plain client was put through it, which may take more tries, and looks for nothing.
    """
    each = [_counts(case, seen, instance) for instance in seen.instances]
    counts = Counts(*map(sum, zip(*each, strict=True)))
    runs = tuple(run.status for instance in seen.instances for run in instance.runs)
    failed_tries = sum(_failed_tries(*each, case.spare_tries) for each in _expected_tries(case, seen))
    troubles = "; ".join(_troubles(case, seen, is_plain=is_plain))
    return Verdict(case, seen.state, runs, counts, troubles, 0 if is_plain else failed_tries)


def _counts(case: Case, seen: Seen, instance: Instance) -> Counts:
    """Count the runs of one task instance that should not have been, each once."""
    orphans = [run for run in instance.runs if _is_orphan(run, seen.ended_at) and not case.keeps_run]
    others = [run for run in instance.runs if run not in orphans]
    good = [run.run_id for run in others if run.status == SUCCEEDED]
    duplicates = max(0, len(good) - 1 - case.clears)
    has_lost = not seen.is_marked and _has_lost(case, instance, good)
    is_given_up = seen.is_marked or seen.state != "success"
    aborted = sum(run.status == "ABORTED" for run in others) - case.clears - case.given_up - is_given_up
    return Counts(duplicates, len(orphans), has_lost + max(0, aborted))


def _has_lost(case: Case, instance: Instance, good: Sequence[str]) -> bool:
    """Tell whether the task has not returned the result of a good run that it was asked for.

    A cleared task has to return that of the last run; what the runs before were good for, the user gave up.
    """
    asked_for = {run.run_id for run in instance.runs[case.clears :]}
    if instance.result is not None and instance.result not in asked_for:
        return True
    candidates = good[min(case.clears, len(good) - 1) :] if good else []
    return bool(candidates) and instance.result not in candidates


def _expected_tries(case: Case, seen: Seen) -> Iterator[tuple[Instance, int]]:
    """Yield each instance with how many tries it should have taken."""
    for index, instance in enumerate(seen.instances):
        yield instance, case.tries if len(seen.instances) == 1 or index == STRUCK_INDEX else 1


def _failed_tries(instance: Instance, expected: int, spare: int) -> int:
    """Count the tries beyond the expected ones that Airflow has not lost by itself: those the task must have failed.

    What a case does to a worker it does to that of the first try, so that a loss of that one excuses no other.
    """
    excuses = set(instance.lost) - ({1} if expected > 1 else set())
    return max(0, instance.tries - expected - spare - len(excuses))


def _is_orphan(run: LedgerRun, ended_at: datetime | None) -> bool:
    if ended_at is None:
        return False
    return run.finished_at is None or datetime.fromisoformat(run.finished_at) > ended_at + GRACE


def _troubles(case: Case, seen: Seen, *, is_plain: bool) -> Iterator[str]:
    if seen.trouble:
        yield seen.trouble
    if seen.ended_at is None:
        yield f"it is {seen.state}"
    if case.dies_at and not seen.has_died:
        yield f"no worker has died {case.dies_at}"
    for instance, tries in _expected_tries(case, seen):
        if instance.tries < tries or (instance.tries > tries + case.spare_tries and not is_plain):
            yield f"it took {instance.tries} of {tries} tries"
    for fault in seen.faults[:1] if is_plain else seen.faults:
        if fault["happened"] < (fault["times"] or 1):
            yield f"{fault['action']} of {fault['method']} {fault['path']} has happened {fault['happened']} times"
