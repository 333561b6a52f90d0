"""The table of what the tests say on each Airflow and Python, in the documentation."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from tools.versions import LOWEST, ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tools.versions import AirflowVersion

PAGE = ROOT / "docs" / "compatibility.md"
BEGIN, END = "<!-- matrix: begin -->\n", "<!-- matrix: end -->"
HEAD = "| Airflow | Python | passed | skipped | failed | on |\n| --- | --- | ---: | ---: | ---: | --- |\n"


class Counts(NamedTuple):
    """How many tests have ended in which way."""

    passed: int
    skipped: int
    failed: int

    def __str__(self) -> str:
        return f"{self.passed:,} passed, {self.skipped:,} skipped, {self.failed:,} failed"


def count_tests(report: Path) -> Counts:
    """Count the tests of a report of pytest, in JUnit's XML."""
    (suite,) = ET.parse(report).getroot().iter("testsuite")  # noqa: S314 - ours
    tests, skipped, failures, errors = (int(suite.get(name, 0)) for name in ("tests", "skipped", "failures", "errors"))
    return Counts(tests - skipped - failures - errors, skipped, failures + errors)


def write_row(version: AirflowVersion, python: str, counts: Counts) -> None:
    """Write what the tests have said into the table, in place of what they said there before.

    :param python: its release.
    """
    text = PAGE.read_text()
    before, _, rest = text.partition(BEGIN)
    table, _, after = rest.partition(END)
    rows = dict(map(_keyed, table.removeprefix(HEAD).strip().splitlines()))
    airflow = version.release + (", lowest versions" if version is LOWEST else "")
    key = (airflow, python)
    day = datetime.now(UTC).date()
    rows[key] = f"| {airflow} | {python} | {counts.passed:,} | {counts.skipped:,} | {counts.failed:,} | {day} |"
    ordered = "\n".join(rows[each] for each in sorted(rows, key=_order))
    PAGE.write_text(f"{before}{BEGIN}{HEAD}{ordered}\n{END}{after}")


def _keyed(row: str) -> tuple[tuple[str, str], str]:
    airflow, python = (cell.strip() for cell in row.split("|")[1:3])
    return (airflow, python), row


def _order(key: tuple[str, str]) -> list[list[int]]:
    return [[int(number) for number in re.findall(r"\d+", release)] for release in key]
