from __future__ import annotations

from pathlib import Path

import pytest

from tools import results
from tools.results import BEGIN, END, HEAD, Counts, count_tests, write_row
from tools.versions import AIRFLOW_VERSIONS, LOWEST, PREVIEW

REPORT = '<testsuites><testsuite tests="10" skipped="2" failures="1" errors="1"/></testsuites>'


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    page = tmp_path / "compatibility.md"
    page.write_text(f"Before.\n\n{BEGIN}{HEAD}{END}\n\nAfter.\n")
    monkeypatch.setattr(results, "PAGE", page)
    return page


def rows_of(page: Path) -> list[str]:
    text = page.read_text()
    assert text.startswith(f"Before.\n\n{BEGIN}{HEAD}")
    assert text.endswith(f"{END}\n\nAfter.\n")
    table = text.partition(HEAD)[2].partition(END)[0].splitlines()
    return [" ".join(cell.strip() for cell in row.split("|")[1:6]) for row in table]


def test_errors_count_as_failures_and_what_is_skipped_has_not_passed(tmp_path: Path) -> None:
    report = tmp_path / "tests.xml"
    report.write_text(REPORT)
    assert count_tests(report) == Counts(passed=6, skipped=2, failed=2)


def test_the_table_has_a_row_for_each_airflow_and_python_the_oldest_first(page: Path) -> None:
    oldest, newest = AIRFLOW_VERSIONS[0], AIRFLOW_VERSIONS[-1]
    write_row(PREVIEW, "3.11.7", Counts(1, 0, 1))
    write_row(newest, "3.12.1", Counts(6_000, 0, 0))
    write_row(newest, "3.11.7", Counts(6_000, 0, 0))
    write_row(oldest, "3.11.7", Counts(5_900, 90, 0))
    write_row(LOWEST, "3.11.7", Counts(5_800, 90, 1))

    assert rows_of(page) == [
        f"{LOWEST.release}, lowest versions 3.11.7 5,800 90 1",
        f"{oldest.release} 3.11.7 5,900 90 0",
        f"{newest.release} 3.11.7 6,000 0 0",
        f"{newest.release} 3.12.1 6,000 0 0",
        f"{PREVIEW.release} 3.11.7 1 0 1",
    ]


def test_another_run_replaces_its_own_row_alone(page: Path) -> None:
    oldest, newest = AIRFLOW_VERSIONS[0], AIRFLOW_VERSIONS[-1]
    write_row(oldest, "3.11.7", Counts(1, 2, 3))
    write_row(newest, "3.11.7", Counts(4, 5, 6))
    write_row(oldest, "3.11.7", Counts(7, 8, 9))

    assert rows_of(page) == [f"{oldest.release} 3.11.7 7 8 9", f"{newest.release} 3.11.7 4 5 6"]
