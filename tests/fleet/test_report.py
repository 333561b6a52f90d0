from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path

from tests.benchmarks.report import replace_figures
from tests.chaos.case import Counts
from tests.fleet.blows import BLOWS, Struck
from tests.fleet.containers import ComposeFleet
from tests.fleet.losses import lost_attempts
from tests.fleet.processes import ProcessFleet
from tests.fleet.report import PAGE, Figures
from tests.fleet.verdict import Verdict

VERDICT = Verdict(
    wanted=300, billed=301, once=299, counts=Counts(1, 2, 3), whole=298, going=4, dag_runs={"success": 2, "failed": 1}
)
FIGURES = Figures(
    verdict=VERDICT,
    struck=[Struck(BLOWS[0], 12.4)],
    attempts={"crawl": 310, "save": 305},
    lost=lost_attempts([]),
    requeued=7,
    seconds=90.0,
    restarted=["worker"],
    machine="2 cores",
    day=date(2026, 11, 30),
)


def test_the_table_says_what_was_counted_also_where_it_is_not_as_it_should_be() -> None:
    rows = FIGURES.to_markdown().splitlines()
    for row in (
        "| runs billed | 301 |",
        "| duplicate runs | 1 |",
        "| orphaned runs | 2 |",
        "| lost runs | 3 |",
        "| files whole, of 300 | 298 |",
        "| DAG runs | 2 success, 1 failed |",
        "| attempts of `crawl`, of which 300 are first ones | 310 |",
        "| ended by themselves, and started again | worker |",
        "| minutes | 1.5 |",
    ):
        assert row in rows


def test_a_part_that_was_killed_too_late_is_a_fault() -> None:
    good = replace(VERDICT, billed=300, once=300, counts=Counts(), whole=300, going=0, dag_runs={"success": 3})
    figures = replace(FIGURES, verdict=good)
    assert list(figures.faults()) == []
    late = replace(figures, struck=[Struck(BLOWS[0], 1.0, is_late=True)])
    assert list(late.faults()) == [
        f"the worker was to be killed when {BLOWS[0].words}, but all was over before",
    ]


def test_all_that_is_killed_has_a_row_with_how_long_it_was_away() -> None:
    table = replace(FIGURES, struck=[Struck(blow, 12.4) for blow in BLOWS]).to_markdown()
    assert table.count("seconds away | 12 |") == len(BLOWS)


def test_the_page_has_a_place_for_the_figures_of_each_fleet(tmp_path: Path) -> None:
    page = tmp_path / PAGE.name
    shutil.copy(PAGE, page)
    for fleet in (ProcessFleet, ComposeFleet):
        replace_figures(page, fleet.name, "| counted |")
    assert page.read_text().count("| counted |") == 2
