"""Measure the provider, print the figures, and write them into the documentation: ``make bench``, ``QUICK=1`` for less.

``python -m tests.benchmarks.run [--quick] [--only NAME] [--keep]``
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.benchmarks import exporting, imports, triggerer, waiting
from tests.benchmarks.child import ROOT
from tests.benchmarks.machine import describe, load
from tests.benchmarks.report import Section, replace_figures, say
from tests.benchmarks.waiting import Crowd

DOCUMENT = ROOT / "docs" / "benchmarks.md"

FULL: Mapping[str, Callable[[Path], Section]] = {
    "imports": lambda folder: imports.measure(folder, rounds=3),
    "waiting": lambda folder: waiting.measure(folder, Crowd(runs=500, shortest=20, longest=150)),
    "triggerer": lambda folder: triggerer.measure(folder, Crowd(runs=100, shortest=0, longest=45)),
    "exporting": lambda folder: exporting.measure(folder, [20_000, 200_000, 1_000_000], rounds=3),
}
# Rough figures, to see that all works; a real Airflow alone takes longer than this may.
QUICK: Mapping[str, Callable[[Path], Section]] = {
    "imports": lambda folder: imports.measure(folder, rounds=1),
    "waiting": lambda folder: waiting.measure(folder, Crowd(runs=200, shortest=5, longest=30)),
    "exporting": lambda folder: exporting.measure(folder, [5_000, 20_000, 100_000], rounds=1),
}


def main() -> None:
    """Take the measurements; only a full run that left none out writes the documentation."""
    options = _parser().parse_args()
    plan = QUICK if options.quick else FULL
    chosen = {name: take for name, take in plan.items() if options.only in (None, name)}
    began = time.monotonic()
    busy, sections = load(), []
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder:
        for name, take in chosen.items():
            say(f"... {name} ({time.monotonic() - began:.0f} s)")
            sections.append(take(Path(folder)))
            say(sections[-1].to_markdown())
    figures = "\n".join([f"{describe()}. Load before: {busy}.\n", *(each.to_markdown() for each in sections)])
    say(f"{describe()}. Took {time.monotonic() - began:.0f} s.")
    if chosen == FULL:
        replace_figures(DOCUMENT, figures)
        say(f"Written to {DOCUMENT.relative_to(ROOT)}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.run", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="rough figures within three minutes")
    parser.add_argument("--only", choices=list(FULL), help="take one measurement; the documentation stays as it is")
    return parser


if __name__ == "__main__":
    main()
