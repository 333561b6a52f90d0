"""What a fleet has left behind, counted from Apify's ledger and from the files, and judged."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from airflow_provider_apify.models.runs import SUCCEEDED
from local_apify import LedgerRun
from local_apify.actors.scenario import scenario_item
from tests.chaos.case import Counts
from tests.chaos.judge import GRACE
from tests.integration.stage import json_lines

SUCCESS = "success"


@dataclass(frozen=True, kw_only=True)
class Crawl:
    """What is left of one mapped task that has started a run.

    :param result: the ID of the run that it has returned, if it has returned one.
    :param ended_at: when it was over, if it is.
    """

    result: str | None
    ended_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class Expected:
    """A file that has to be there.

    :param first: the number of its first item.
    :param items: how many.
    """

    path: Path
    first: int
    items: int

    @property
    def is_whole(self) -> bool:
        """Whether it holds exactly these items, in their order."""
        if not self.path.exists():
            return False
        wanted = json_lines([scenario_item(number) for number in range(self.first, self.first + self.items)])
        return self.path.read_bytes() == wanted


@dataclass(frozen=True, kw_only=True)
class Left:
    """What is left when the load is over.

    :param crawls: the mapped tasks that were to start one run each.
    :param runs: Apify's ledger.
    :param files: those that have to be there.
    :param dag_runs: their states.
    :param unfinished: task instances that have not ended.
    """

    crawls: Sequence[Crawl]
    runs: Sequence[LedgerRun]
    files: Sequence[Expected] = ()
    dag_runs: Sequence[str] = ()
    unfinished: int = 0


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What it comes to.

    :param wanted: how many runs were to be started, and files to be written.
    :param billed: how many runs were started, whatever their end.
    :param once: how many tasks have one run, no more, and have returned it.
    :param counts: runs that should not have been, and runs that got lost, each counted once.
    :param whole: how many files are whole.
    :param going: runs at Apify and tasks of Airflow that have not ended.
    :param dag_runs: how often each state.
    """

    wanted: int
    billed: int
    once: int
    counts: Counts
    whole: int
    going: int
    dag_runs: Mapping[str, int] = field(default_factory=dict)

    def faults(self) -> Iterator[str]:
        """Yield what is not as it should be, in words."""
        for name, count in self.counts._asdict().items():
            if count:
                yield f"{count} {name}"
        if self.billed != self.wanted:
            yield f"{self.billed} runs were billed for {self.wanted} tasks"
        if self.once != self.wanted:
            yield f"{self.once} of {self.wanted} tasks have one run and returned it"
        if self.whole != self.wanted:
            yield f"{self.whole} of {self.wanted} files are whole"
        if self.going:
            yield f"{self.going} runs or tasks go on"
        if set(self.dag_runs) != {SUCCESS}:
            yield f"the DAG runs ended as {dict(self.dag_runs)}"


def judge(left: Left) -> Verdict:
    """Count what is left.

    Runs are told apart by what they were asked for: each task has an input that no other has.
    """
    same_input = defaultdict[str | None, list[LedgerRun]](list)
    for run in left.runs:
        same_input[run.input_sha256].append(run)
    ended_at = {crawl.result: crawl.ended_at for crawl in left.crawls if crawl.result is not None}
    counts = [_count(group, ended_at) for group in same_input.values()]
    return Verdict(
        wanted=len(left.crawls),
        billed=len(left.runs),
        once=sum(len(group) == 1 and group[0].run_id in ended_at for group in same_input.values()),
        counts=Counts(*map(sum, zip(*counts, strict=True))),
        whole=sum(file.is_whole for file in left.files),
        going=sum(run.is_going for run in left.runs) + left.unfinished,
        dag_runs=Counter(left.dag_runs),
    )


def _count(group: Sequence[LedgerRun], ended_at: Mapping[str, datetime | None]) -> Counts:
    """Count the runs of one task that should not have been, each once.

    :param ended_at: when the tasks that have returned a run were over, by its ID.
    """
    ends = [ended_at[run.run_id] for run in group if run.run_id in ended_at]
    orphans = [run for run in group if run.is_going or any(end and _outlives(run, end) for end in ends)]
    others = [run for run in group if run not in orphans]
    good = [run for run in others if run.status == SUCCEEDED]
    aborted = sum(run.aborted_by_request for run in others)
    has_lost = bool(good) and not any(run.run_id in ended_at for run in good)
    return Counts(max(0, len(good) - 1), len(orphans), aborted + has_lost)


def _outlives(run: LedgerRun, end: datetime) -> bool:
    """Tell whether a run has ended only when its task had long been over."""
    return run.finished_at is not None and datetime.fromisoformat(run.finished_at) > end + GRACE
