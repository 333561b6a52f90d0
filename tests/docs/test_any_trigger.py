"""What is printed works for each way in which a DAG run is started: not every run has a date."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXTS = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "airflow_provider_apify").rglob("*.py")),
    *sorted((ROOT / "dags_examples").glob("*.py")),
    *sorted((ROOT / "tests/docs/snippets").glob("*.py")),
]
TEMPLATE = re.compile(r"\{\{(.*?)\}\}")
NEEDS_A_DATE = re.compile(
    r"(?<![\w.])(?:ds|ds_nodash|ts|ts_nodash|ts_nodash_with_tz|logical_date|data_interval_\w+|prev_\w+|next_\w+)\b"
)


def names_of_dates(text: str) -> list[str]:
    """Return templates that fail, on Airflow 3, for a run without a date; what follows a ``|`` is a filter."""
    return [
        template
        for template in TEMPLATE.findall(text)
        if NEEDS_A_DATE.search(re.sub(r"\|\s*\w+", "", template)) and "default(" not in template
    ]


@pytest.mark.parametrize("file", TEXTS, ids=lambda file: str(file.relative_to(ROOT)))
def test_no_template_needs_a_date(file: Path) -> None:
    assert names_of_dates(file.read_text(encoding="utf-8")) == []


def test_a_name_is_told_from_a_filter() -> None:
    good = "{{ (dag_run.logical_date or dag_run.run_after) | ds }} {{ data_interval_start | default(1) }} {{ run_id }}"
    assert names_of_dates(good) == []
    assert names_of_dates("{{ ds }}.jsonl {{ logical_date }}") == [" ds ", " logical_date "]
