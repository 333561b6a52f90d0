"""Write what the cases have shown as a page that a user can read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import version
from itertools import groupby
from typing import Any

from tests.chaos.scene import Verdict
from tests.chaos.thousand_starts import table
from tools.versions import ROOT

PAGE = ROOT / "docs/what-happens-when.md"
_HEAD = """\
# What happens when

One task, one billed run: each row below was played with the real operators in a real Airflow {airflow}, with
processes that were really killed, against the local Apify, whose ledger was read afterwards. `make chaos` plays them
all again and writes this page; a few of them run with every `make test`.

**{count} cases: {duplicates} duplicate runs, {orphaned} orphaned, {lost} lost.** A *duplicate* is a run that worked to
its end, or goes on, although nobody had asked for another. An *orphan* goes on when its task is over. A *lost* run was
good, but the task has not got its result.

Tasks have `retries=2` and otherwise the operator's defaults, unless the row says something else. "Killed" is SIGKILL.
What Airflow notices after minutes by default (a lost heartbeat, a lost triggerer), it notices after seconds here.
"""
_COMPARISON = """\
## Beside a plain client

The same faults and kills for what many write today: `ApifyClient(...).actor(...).call(...)` of the official
`apify-client` {client} in a `@task(retries=2)`. (The task waits in a worker; cases that need the operator's
parameters, or deferral, are left out.) The client repeats a start whose answer was lost, and nothing tells a retry of
the run that is there already.

| {cases} cases | duplicate runs | orphaned | lost |
|---|---|---|---|
| `RunActorOperator` | {our_duplicates} | {our_orphaned} | {our_lost} |
| `actor.call()` in a task | {their_duplicates} | {their_orphaned} | {their_lost} |

| What happens | `RunActorOperator`: runs | `actor.call()`: runs | its task | duplicate | orphaned | lost |
|---|---|---|---|---|---|---|
"""
_CROWD = """\
## {starts:,} starts under faults

{starts:,} starts, 32 at a time, as by mapped tasks with two retries, while of all requests to Apify 2.5% are answered
503 before and 2.5% answered 500 after they were done, 2.5% are cut off before and 2.5% after, and 5% are answered 429.
Beside it the official client's `actor.start()` with its own retries. *Adopted* are the starts whose caller was given
the run that was started for it. Looking for a run whose start was not answered takes requests: the list does not show
who started a run, so each of its runs is read.

{table}
"""
_COLUMNS = """\
| When | The task waits | What follows | Runs at Apify | The task ends as |
|---|---|---|---|---|
"""


def write(ours: Sequence[Verdict], theirs: Sequence[Verdict], crowd: Sequence[dict[str, Any]]) -> None:
    """Write docs/what-happens-when.md.

    :param ours: of all cases.
    :param theirs: of the plain client, for those that it can be put through.
    :param crowd: figures of very many starts, see :mod:`tests.chaos.thousand_starts`.
    """
    starts = _CROWD.format(starts=crowd[0]["starts"], table=table(crowd))
    PAGE.write_text("\n".join([_summary(ours), *_sections(ours), _comparison(ours, theirs), starts]))


def _summary(verdicts: Sequence[Verdict]) -> str:
    return _HEAD.format(airflow=version("apache-airflow"), count=len(verdicts), **_counts(verdicts))


def _sections(verdicts: Iterable[Verdict]) -> Iterator[str]:
    ordered = list(dict.fromkeys(verdict.case.section for verdict in verdicts))
    for title in ordered:
        rows = [verdict for verdict in verdicts if verdict.case.section == title]
        yield f"## {title}\n\n{_COLUMNS}" + "".join(_rows(rows))


def _rows(verdicts: Iterable[Verdict]) -> Iterator[str]:
    """Make one row of a case that was played both ways with the same end."""
    for (happens, then, runs, state), same in groupby(verdicts, _said):
        modes = " or ".join(verdict.case.mode for verdict in same)
        yield f"| {happens} | {modes} | {then} | {runs} | {state} |\n"


def _said(verdict: Verdict) -> tuple[str, str, str, str]:
    return verdict.case.happens, verdict.case.then, _runs(verdict), verdict.state


def _comparison(ours: Sequence[Verdict], theirs: Sequence[Verdict]) -> str:
    mine = {verdict.case.key: verdict for verdict in ours if verdict.case.has_plain}
    counts = {f"our_{name}": count for name, count in _counts(mine.values()).items()}
    counts |= {f"their_{name}": count for name, count in _counts(theirs).items()}
    head = _COMPARISON.format(client=version("apify-client"), cases=len(theirs), **counts)
    return head + "".join(_compared(mine[other.case.key], other) for other in theirs)


def _compared(our: Verdict, their: Verdict) -> str:
    case = their.case
    counts = " | ".join(str(count) for count in (their.duplicates, their.orphaned, their.lost))
    return f"| {case.section} {case.happens} | {_runs(our)} | {_runs(their)} | {their.state} | {counts} |\n"


def _runs(verdict: Verdict) -> str:
    """Say how many runs there are and how they ended: ``1 succeeded, 2 failed``."""
    counts = Counter(status.lower().replace("-", " ") for status in verdict.runs)
    return ", ".join(f"{count} {status}" for status, count in counts.items()) or "none"


def _counts(verdicts: Iterable[Verdict]) -> dict[str, int]:
    verdicts = list(verdicts)
    return {name: sum(getattr(verdict, name) for verdict in verdicts) for name in ("duplicates", "orphaned", "lost")}
