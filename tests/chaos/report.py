"""Write what the cases have shown as a page that a user can read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import version
from itertools import groupby

from tests.chaos.case import START_SETTLE_SECONDS, Counts
from tests.chaos.cases.limits import SECTION
from tests.chaos.judge import GRACE, Verdict
from tests.chaos.report_of_starts import Crowds, starts_section
from tools.versions import ROOT

PAGE = ROOT / "docs/what-happens-when.md"
_HEAD = """\
# What happens when

One task, one billed run: each row below was played with the real operators in a real Airflow {airflow}, with
processes that were really killed, against the local Apify, whose ledger was read afterwards. `make chaos` plays them
all again and writes this page; a few of them run with every `make test`. (`make chaos AIRFLOW=3.1` plays them on
another Airflow 3, where some rows say what differs, and prints what came of it. On Airflow 2.11 they cannot be played:
their DAGs are written for Airflow 3, and the harness speaks its REST API. What is known of 2.11 is from tests that play
the operator's attempts, strike them at every moment, and read the same ledger.)

**{held} cases in which the promise holds: {held_counts}.**
**{limits} known limits, played in {limit_cases} cases and listed under [{section}](#{anchor}): {limit_counts}.**

- A *duplicate* is a run that worked to its end beside another good one, although nobody had asked for another.
- An *orphan* went on when its task had been over for more than {grace:.0f} seconds, however it ended then.
- A *lost* run was good, or was aborted although nobody had given it up, and the task has not got its result.

Each run is counted once. A row counts only where what it tells has really happened: the worker has died at that point,
the task took as many tries as that takes, and each fault has struck as often as it was to. Where something else
has come between, the case is played again; a try too many excuses that only where Airflow's own event log says that
it has lost the worker. (Where its API server is away, Airflow itself spends several tries, and retries are plenty.)
{again}

Tasks have `retries=2` and otherwise the operator's defaults, unless the row says something else. "Killed" is SIGKILL.
What Airflow notices after minutes by default (a lost heartbeat, a lost triggerer), it notices after seconds here, and
`start_settle_seconds` of the connection is {settle:.0f}, not 30.
"""
_LIMITS = """\
## {section}

Where nobody who could abort the run is alive, is told, or is let in, Apify itself must end it: give each task an
`execution_timeout` or a `run_timeout`, and the loss is bounded. (Where it ended the run, it was {shortest} to {longest}
seconds here.) Most of these limits a setting spares you.
"""
_LIMIT = """
### {limit}

| What happens | The task waits | What follows | Runs at Apify | The task ends as | duplicate | orphaned | lost |\
 What prevents it |
|---|---|---|---|---|---|---|---|---|
"""
_COMPARISON = """\
## Beside a plain client

The same faults and kills for what many write today: `ApifyClient(...).actor(...).call(...)` of the official
`apify-client` {client} in a `@task(retries=2)`. (The task waits in a worker; cases that need what only the operator
has, or deferral, are left out. {limits} of the cases are among the known limits; there it has the same
`run_timeout`, and `retries`.)
The client repeats a start whose answer was lost, and nothing tells a retry of the run that is there already. *Billed*
is every run that was started, whatever its end. {troubled}

| {cases} cases | billed runs | duplicate | orphaned | lost |
|---|---|---|---|---|
| `RunActorOperator` | {ours} |
| `actor.call()` in a task | {theirs} |

| What happens | our runs | billed | duplicate | orphaned | lost |\
 `actor.call()`: runs | billed | its task | duplicate | orphaned | lost |
|---|---|---|---|---|---|---|---|---|---|---|---|
"""
_COLUMNS = """\
| When | The task waits | What follows | Runs at Apify | The task ends as |
|---|---|---|---|---|
"""


def page(ours: Sequence[Verdict], theirs: Sequence[Verdict], crowds: Crowds) -> str:
    """Return the page as Markdown.

    :param ours: of all cases.
    :param theirs: of the plain client, for those that it can be put through; where something else went wrong, only
        that is said.
    :raises ValueError: a verdict of ours is not as expected.
    """
    wrong = [str(verdict) for verdict in ours if not verdict.is_as_expected]
    if wrong:
        raise ValueError(f"Not what the page would say: {'; '.join(wrong)}")
    held = [verdict for verdict in ours if not verdict.case.is_limit]
    limits = [verdict for verdict in ours if verdict.case.is_limit]
    parts = [
        _summary(held, limits),
        *_sections(held),
        _limits(limits),
        _comparison(ours, theirs),
        starts_section(crowds),
    ]
    return "\n".join(parts)


def _summary(held: Sequence[Verdict], limits: Sequence[Verdict]) -> str:
    return _HEAD.format(
        airflow=version("apache-airflow"),
        held=len(held),
        held_counts=_in_words(held),
        limits=len({verdict.case.limit for verdict in limits}),
        limit_cases=len(limits),
        limit_counts=_in_words(limits),
        section=SECTION,
        anchor=SECTION.lower().replace(" ", "-"),
        grace=GRACE.total_seconds(),
        settle=START_SETTLE_SECONDS,
        again=_listed("This time no case was.", "This time these were:", [(v, v.again) for v in (*held, *limits)]),
    )


def _listed(none: str, some: str, reasons: Iterable[tuple[Verdict, str]]) -> str:
    """Say of which verdicts there is something to say."""
    rows = [f"`{verdict.case.key}` ({reason})" for verdict, reason in reasons if reason]
    return f"{some} {', '.join(rows)}." if rows else none


def _in_words(verdicts: Iterable[Verdict]) -> str:
    counts = _sum(verdicts)
    return f"{counts.duplicates} duplicate runs, {counts.orphaned} orphaned, {counts.lost} lost"


def _sum(verdicts: Iterable[Verdict]) -> Counts:
    return Counts(*map(sum, zip(*(verdict.counts for verdict in verdicts), strict=True)))


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


def _limits(verdicts: Sequence[Verdict]) -> str:
    timeouts = [verdict.case.operator["run_timeout"] for verdict in verdicts if "run_timeout" in verdict.case.operator]
    head = _LIMITS.format(section=SECTION, shortest=min(timeouts), longest=max(timeouts))
    by_limit = groupby(sorted(verdicts, key=_limit), _limit)
    return head + "".join(_LIMIT.format(limit=limit) + "".join(map(_limit_row, each)) for limit, each in by_limit)


def _limit(verdict: Verdict) -> str:
    return verdict.case.limit


def _limit_row(verdict: Verdict) -> str:
    (row,) = _rows([verdict])
    return f"{row.rstrip()} {_cells(verdict.counts)} | {verdict.case.prevented_by or 'nothing'} |\n"


def _said(verdict: Verdict) -> tuple[str, str, str, str]:
    case = verdict.case
    older = f" (Before Airflow 3.3: {case.before_3_3['then']})" if case.before_3_3 else ""
    return case.happens, case.then + older, _runs(verdict), verdict.state


def _comparison(ours: Sequence[Verdict], theirs: Sequence[Verdict]) -> str:
    by_key = {verdict.case.key: verdict for verdict in ours}
    played = [verdict for verdict in theirs if not verdict.trouble]
    same = [by_key[other.case.key] for other in played]
    head = _COMPARISON.format(
        client=version("apify-client"),
        limits=sum(verdict.case.is_limit for verdict in same),
        troubled=_troubled(theirs),
        cases=len(played),
        ours=_billed_and_counted(same),
        theirs=_billed_and_counted(played),
    )
    return head + "".join(map(_compared, same, played))


def _troubled(theirs: Sequence[Verdict]) -> str:
    """Say which cases the plain client was not put through: what was to go wrong has not, or something else has."""
    return _listed(
        "It was put through all of them.",
        "Not counted, in neither row, because what was to happen to it has not happened:",
        [(verdict, verdict.trouble) for verdict in theirs],
    )


def _billed_and_counted(verdicts: Sequence[Verdict]) -> str:
    return f"{sum(len(verdict.runs) for verdict in verdicts)} | {_cells(_sum(verdicts))}"


def _compared(our: Verdict, their: Verdict) -> str:
    what = our.case.happens if our.case.is_limit else f"{our.case.section} {our.case.happens}"
    runs = f"{_runs(our)} | {len(our.runs)} | {_cells(our.counts)} | {_runs(their)} | {len(their.runs)}"
    return f"| {what} | {runs} | {their.state} | {_cells(their.counts)} |\n"


def _cells(counts: Counts) -> str:
    return " | ".join(map(str, counts))


def _runs(verdict: Verdict) -> str:
    """Say how many runs there are and how they ended: ``1 succeeded, 2 failed``."""
    counts = Counter(status.lower().replace("-", " ") for status in verdict.runs)
    return ", ".join(f"{count} {status}" for status, count in counts.items()) or "none"
