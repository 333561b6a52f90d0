"""Tables for people: on the terminal, and between marks in a Markdown file."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.benchmarks.picture import Bar


@dataclass
class Section:
    """One measurement.

    :param intro: what was done, in Markdown.
    :param notes: what to know when reading the figures.
    :param picture: what a picture of the bars shows; empty where there is none.
    :param ours: what the bars of the provider are called; empty where it is the engine that is compared.
    """

    title: str
    intro: str
    columns: Sequence[str]
    rows: list[Sequence[str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    picture: str = ""
    bars: list[Bar] = field(default_factory=list)
    ours: str = ""

    def to_markdown(self) -> str:
        """Return heading, text, table."""
        table = [self.columns, ["---"] + ["---:"] * (len(self.columns) - 1), *self.rows]
        lines = [f"| {' | '.join(row)} |" for row in table]
        notes = [f"- {note}" for note in self.notes]
        return "\n".join([f"## {self.title}", "", self.intro, "", *lines, *([""] if notes else []), *notes, ""])


def say(text: str) -> None:
    """Tell the person at the terminal."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def spread(values: Sequence[float], unit: str = "") -> str:
    """Write the median, and the range where there is more than one value."""
    middle = number(statistics.median(values)) + unit
    return middle if len(values) == 1 else f"{middle} ({number(min(values))} to {number(max(values))})"


def number(value: float) -> str:
    """Write a number with three digits that matter."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def quantile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least this share of all values does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def replace_figures(file: Path, name: str, figures: str) -> None:
    """Put new figures between the marks of this name in a Markdown file, and leave the rest as it is.

    :raises ValueError: the marks are missing.
    """
    begin, end = (f"<!-- {name}: {word} -->" for word in ("begin", "end"))
    before, found, rest = file.read_text().partition(begin)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        raise ValueError(f"{file.name} has no lines {begin} and {end}")
    file.write_text(f"{before}{begin}\n\n{figures}\n{end}{after}")
