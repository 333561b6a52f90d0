"""Choose among the runs that a task instance has started: the one to go on with, and those to abort. Pure, no I/O."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Literal

from airflow_provider_apify._api.runs.finding import OwnRun
from airflow_provider_apify.exceptions import ApifyRunFailedBefore, ApifyRunTooExpensive
from airflow_provider_apify.models._fields import dollars
from airflow_provider_apify.models.runs import SUCCEEDED, ActorRun
from airflow_provider_apify.options import Target

OnFailedRun = Literal["new", "resurrect", "fail"]


@dataclass(frozen=True, kw_only=True)
class Terms:
    """Which run a task is content with.

    :param accept: final statuses whose run needs no other.
    :param on_failed_run: what to do where the last run has ended in another.
    :param cost_limit: US dollars of platform usage; where a run of this rerun is above it, no other is started.
    :param actor: the name of what is run, for errors.
    """

    accept: Collection[str] = (SUCCEEDED,)
    on_failed_run: OnFailedRun = "new"
    cost_limit: float | None = None
    actor: str | None = None

    def words_of(self, run: ActorRun) -> str:
        """Say which run of an earlier attempt."""
        return f"Run {run.id} of an earlier attempt{f' ({self.actor})' if self.actor else ''}"


@dataclass(frozen=True)
class Decision:
    """What to do with the runs of earlier attempts.

    :param take: the run to go on with; ``None`` starts a new one.
    :param resurrect: whether ``take`` has to be brought back to life first.
    :param abort: runs that nobody wants any more.
    """

    take: ActorRun | None = None
    resurrect: bool = False
    abort: tuple[ActorRun, ...] = ()


def decide(found: Iterable[OwnRun], rerun: int, terms: Terms) -> Decision:
    """Choose among the runs that this task instance has started so far, on whichever attempt or rerun.

    :param rerun: the one that the task is at.
    :raises ApifyRunFailedBefore: the last run failed, and ``on_failed_run`` is ``"fail"``.
    :raises ApifyRunTooExpensive: one has cost more than the limit, and another would have to be started.
    """
    oldest_first = sorted(found, key=lambda own: age(own.run))
    ours = [own.run for own in oldest_first if own.rerun == rerun and not own.is_leftover]
    wanted = best(ours, terms.accept)
    unwanted = tuple(own.run for own in oldest_first if own.run.is_going and own.run != wanted)
    if wanted is not None:
        return Decision(wanted, abort=unwanted)
    _check_expenses(ours, terms)
    if not ours or terms.on_failed_run == "new":
        return Decision(abort=unwanted)
    if terms.on_failed_run == "fail":
        last = ours[-1]
        raise ApifyRunFailedBefore(
            f"{terms.words_of(last)} is {last.status} and is not paid for again, as "
            f'on_failed_run="fail" says ({last.console_url}).',
            **last.details(terms.actor),
        )
    return Decision(ours[-1], resurrect=True, abort=unwanted)


def best(oldest_first: Collection[ActorRun], accept: Collection[str]) -> ActorRun | None:
    """Return the run to go on with: a good one, else the oldest that is going."""
    good = [run for run in oldest_first if run.status in accept]
    going = [run for run in oldest_first if run.is_going]
    return next(iter([*good[::-1], *going]), None)


def may_be_of(run: ActorRun, target: Target) -> bool:
    """Tell whether a run may be of an Actor or task; names cannot be compared with the IDs in a run."""
    its_own = run.actor_id if target.kind == "actor" else run.actor_task_id
    return "/" in target.id or "~" in target.id or its_own == target.id or bool(run.metamorphs)


def age(run: ActorRun) -> str:
    """Return what sorts runs from the oldest to the newest: ISO 8601 in UTC sorts as text."""
    return str(run.raw["startedAt"])


def _check_expenses(ours: Iterable[ActorRun], terms: Terms) -> None:
    limit = terms.cost_limit
    for run in ours:
        if limit is not None and (run.usage_total_usd or 0) > limit:
            raise ApifyRunTooExpensive(
                f"{terms.words_of(run)} has used {dollars(run.usage_total_usd)}, above the limit of "
                f"{limit}: nothing is started again. Clear the task to spend more ({run.console_url}).",
                **run.details(terms.actor),
            )
