"""The part of the page on very many starts, and on what a retry costs among them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Self

from tests.chaos import busy_actor, killed_starts
from tests.chaos.thousand_starts import (
    AT_A_TIME,
    ATTEMPTS,
    CROWDS,
    SETTLE_SECONDS,
    compare_in_another_process,
    figures_of,
    table,
)

Figures = Sequence[dict[str, Any]]
_CROWDS = """\
## {starts:,} starts under faults

{starts:,} starts on {actors} Actors, {at_a_time} at a time, while of all requests to Apify 2.5% are answered 503 before
and 2.5% answered 500 after they were done, 2.5% are cut off before and 2.5% after, and 5% are answered 429. Each start
has {attempts} attempts, as in a task with two retries: of the operator's own start, with a `start_settle_seconds` of
{settle} (30 by default), and of the official client's `actor.start()`, with its own retries. *Adopted* are the starts
whose caller was given the run that was started for it.

{table}

Looking for a run whose start was not answered takes requests: the list does not show who started a run, so each younger
run of the Actor is read. Mapped tasks have one Actor for all of them; so here are {fewer:,} starts of one Actor:

{other_table}

And here the workers of {killed_starts:,} starts of one Actor are all killed once, right after their start request, and
one answer in twenty is lost:

{killed_table}

What the next attempt costs where others start the Actor {runs_a_day:,} times a day:

{busy_table}
"""


class Crowds(NamedTuple):
    """Figures of very many starts.

    :param many: on many Actors, see :mod:`tests.chaos.thousand_starts`.
    :param one: the same on one Actor.
    :param killed: of starts whose workers are all killed once, see :mod:`tests.chaos.killed_starts`.
    :param busy: of retries on an Actor that others start, too, see :mod:`tests.chaos.busy_actor`.
    """

    many: Figures
    one: Figures
    killed: Figures
    busy: Figures

    @classmethod
    def measured(cls) -> Self:
        """Measure all of it, which takes minutes."""
        many, one = map(compare_in_another_process, CROWDS)
        return cls(many, one, figures_of(killed_starts.__name__), figures_of(busy_actor.__name__))


def starts_section(crowds: Crowds) -> str:
    """Return that part of the page as Markdown."""
    many, one, killed, busy = crowds
    return _CROWDS.format(
        starts=many[0]["starts"],
        actors=many[0]["actors"],
        at_a_time=AT_A_TIME,
        attempts=ATTEMPTS,
        settle=SETTLE_SECONDS,
        table=table(many),
        fewer=one[0]["starts"],
        other_table=table(one),
        killed_starts=killed[0]["starts"],
        killed_table=table(killed),
        runs_a_day=busy_actor.RUNS_A_DAY,
        busy_table=busy_actor.table(busy),
    )
