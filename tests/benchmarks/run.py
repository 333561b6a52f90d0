"""Measure the provider, print the figures, and write them into the documentation: ``make bench``, ``QUICK=1`` for less.

``python -m tests.benchmarks.run [--quick] [--only NAME]``
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.benchmarks import conversions, crowd, crowd_triggerer, downloads, events, imports, triggerer, waiting
from tests.benchmarks.child import ROOT
from tests.benchmarks.crowd import Plan
from tests.benchmarks.machine import describe, load
from tests.benchmarks.picture import draw
from tests.benchmarks.report import Section, replace_figures, say
from tests.benchmarks.waiting import Crowd

DOCUMENT = ROOT / "docs" / "benchmarks.md"
OURS = "DatasetToFileOperator"
"""What the rows and bars of the provider are called."""

FULL: Mapping[str, Callable[[Path], Section]] = {
    "imports": lambda folder: imports.measure(folder, rounds=3),
    "waiting": lambda folder: waiting.measure(folder, Crowd(runs=500, shortest=20, longest=150)),
    "crowd": lambda folder: crowd.measure(folder, Plan([1_000, 5_000, 10_000], arrival=10, calm=60, ending=45)),
    "crowd_triggerer": lambda folder: crowd_triggerer.measure(
        folder, Plan([1_000, 5_000, 10_000], arrival=15, calm=60, ending=180), select_per_loop=500
    ),
    "triggerer": lambda folder: triggerer.measure(folder, Crowd(runs=500, shortest=0, longest=120)),
    "events": lambda folder: events.measure(folder, rounds=10, watchers=200, minutes=2),
    "downloads": lambda folder: downloads.measure(folder, 1_000_000, 100_000, [10_000, 5_000_000], rounds=5),
    "conversions": lambda folder: conversions.measure(folder, 1_000_000, rounds=3),
}
# Rough figures, to see that all works; a real Airflow alone takes longer than this may.
QUICK: Mapping[str, Callable[[Path], Section]] = {
    "imports": lambda folder: imports.measure(folder, rounds=1),
    "waiting": lambda folder: waiting.measure(folder, Crowd(runs=200, shortest=5, longest=30)),
    "downloads": lambda folder: downloads.measure(folder, 20_000, 20_000, [10_000], rounds=1),
    "conversions": lambda folder: conversions.measure(folder, 20_000, rounds=1),
}


def main() -> None:
    """Take the measurements, one after the other; those of a full run go to the documentation."""
    parser = _parser()
    options = parser.parse_args()
    plan = QUICK if options.quick else FULL
    if options.only not in (None, *plan):
        parser.error(f"{options.only} takes longer than a quick look: leave out --quick")
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder:
        for name, take in plan.items():
            if options.only not in (None, name):
                continue
            say(f"... {name} ({time.monotonic() - began:.0f} s)")
            machine = f"{describe()}; {load()} processes wanted a core before."
            section = take(Path(folder))
            figures = f"{section.to_markdown()}\n{machine}\n"
            say(figures)
            if plan is FULL:
                replace_figures(DOCUMENT, name, figures + _picture(name, section))
    say(f"Took {time.monotonic() - began:.0f} s.")


def _picture(name: str, section: Section) -> str:
    """Draw a section's picture beside the document, and return the words that show it there."""
    if not section.bars:
        return ""
    file = DOCUMENT.with_name(f"benchmarks-{name}.svg")
    file.write_text(draw(f"{section.title}: {section.picture}", section.bars, section.ours or OURS))
    return f"\n![{section.title}: {section.picture}]({file.name})\n"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.run", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="rough figures within two minutes")
    parser.add_argument("--only", choices=list(FULL), help="take one measurement")
    return parser


if __name__ == "__main__":
    main()
