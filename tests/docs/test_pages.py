"""The pages of the documentation: what they print is tested code, and where they lead is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
HOW_TO = sorted((DOCS / "how-to").glob("*.md"))
TESTED = (DOCS.parent / "dags_examples", DOCS.parent / "tests/docs/snippets")
INCLUDE = re.compile(r"^```\{literalinclude\} (\S+)$", re.MULTILINE)


def included() -> set[Path]:
    return {(page.parent / name).resolve() for page in HOW_TO for name in INCLUDE.findall(page.read_text("utf-8"))}


@pytest.mark.parametrize("page", HOW_TO, ids=lambda page: page.stem)
def test_a_how_to_prints_no_code_of_its_own(page: Path) -> None:
    text = page.read_text(encoding="utf-8")

    assert "```python" not in text
    assert INCLUDE.search(text)


def test_how_tos_include_tested_code_only() -> None:
    assert {file for file in included() if file.parent not in TESTED or not file.exists()} == set()


def test_every_snippet_is_on_a_page() -> None:
    assert set(TESTED[1].glob("*.py")) - included() == set()


def test_moving_pages_show_before_and_after() -> None:
    for page in (DOCS / "how-to").glob("from-*.md"):
        headings = re.findall(r"^## (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
        assert headings[:2] == ["Before", "After"]
