"""The README reads in three minutes, and its snippets run (``tests/dags_examples``, ``tests/integration``)."""

from __future__ import annotations

import re
import subprocess

import pytest

from tests.docs.readme import README
from tools.prose import measure, sentences

ROOT = README.parent
TEXT = README.read_text(encoding="utf-8")
LONGEST_SENTENCE = 25


def test_the_readme_has_600_to_800_words() -> None:
    assert 600 <= measure(TEXT).words <= 800


def test_no_sentence_of_the_readme_has_more_than_25_words() -> None:
    assert [text for text in sentences(TEXT) if len(text.split()) > LONGEST_SENTENCE] == []


def test_the_readme_has_one_python_snippet_which_other_tests_run() -> None:
    assert TEXT.count("```python") == 1


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", TEXT))))
def test_a_link_of_the_readme_leads_somewhere(link: str) -> None:
    assert link.startswith("https://") or (ROOT / link).exists()


def test_the_commands_of_the_readme_are_targets_of_make() -> None:
    targets = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout  # noqa: S607
    for command in re.findall(r"make \w+", TEXT):
        assert f"  {command} " in targets


def test_a_sentence_ends_at_its_full_stop_and_code_is_none() -> None:
    assert sentences("# No\n\nOne two. Three\nfour.\n\n- five\n- six\n\n```\ncode\n```\n") == [
        "One two.",
        "Three four.",
        "five",
        "six",
    ]
