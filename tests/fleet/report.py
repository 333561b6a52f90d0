"""The figures of a fleet, for the terminal and for the documentation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from tests.fleet.blows import Struck
from tests.fleet.verdict import Verdict
from tools.versions import ROOT

PAGE = ROOT / "docs" / "fleet.md"


@dataclass(frozen=True, kw_only=True)
class Figures:
    """All that is said of one fleet.

    :param attempts: that all instances of each task have taken.
    :param lost: attempts that Airflow lost without the task's doing, by how.
    :param requeued: how often Airflow queued a task again that had stayed queued for too long.
    :param seconds: from the first DAG run's start to the last one's end.
    :param restarted: what ended by itself and was started again.
    """

    verdict: Verdict
    struck: Sequence[Struck]
    attempts: Mapping[str, int]
    lost: Mapping[str, int]
    requeued: int
    seconds: float
    restarted: Sequence[str]
    machine: str
    day: date

    def faults(self) -> Iterator[str]:
        """Yield what is not as it should be, in words."""
        yield from self.verdict.faults()
        for struck in self.struck:
            if struck.is_late:
                yield f"the {struck.blow.part} was to be killed when {struck.blow.words}, but all was over before"

    def to_markdown(self) -> str:
        """Return the table."""
        rows = "\n".join(f"| {name} | {value} |" for name, value in self._rows())
        return f"| | |\n| --- | ---: |\n{rows}\n\n{self.machine}; {self.day}.\n"

    def _rows(self) -> Iterator[tuple[str, str | int]]:
        verdict, counts = self.verdict, self.verdict.counts
        yield "mapped tasks, one run each", verdict.wanted
        yield "runs billed", verdict.billed
        yield "tasks with one run, and its result", verdict.once
        yield "duplicate runs", counts.duplicates
        yield "orphaned runs", counts.orphaned
        yield "lost runs", counts.lost
        yield f"files whole, of {verdict.wanted}", verdict.whole
        yield "runs or tasks that go on", verdict.going
        yield "DAG runs", ", ".join(f"{count} {state}" for state, count in verdict.dag_runs.items())
        for task, attempts in self.attempts.items():
            yield f"attempts of `{task}`, of which {verdict.wanted} are first ones", attempts
        for way, count in self.lost.items():
            yield f"attempts that Airflow lost: {way}", count
        yield "tasks that Airflow queued again, which costs no attempt", self.requeued
        for struck in self.struck:
            yield f"{struck.blow.part} killed when {struck.blow.words}: seconds away", f"{struck.away:.0f}"
        yield "ended by themselves, and started again", ", ".join(self.restarted) or "none"
        yield "minutes", f"{self.seconds / 60:.1f}"
