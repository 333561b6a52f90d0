"""Each message of the page on troubleshooting is one that somebody may meet."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OF_AIRFLOW = {
    "'ds' is undefined",
    "'logical_date' is undefined",
    "The conn_id apify_default isn't defined",
    "Bad Request",
    "No value passed",
    "is a required property",
    "if there are any required params without default values",
    "there are required params",
}
ROW = re.compile(r"^\| (`.*?`(?:, `.*?`)*)[^|`]*\| ", re.MULTILINE)
GAP = "\0"


def messages() -> list[str]:
    """Return the messages of the page's rows."""
    page = (ROOT / "docs/troubleshooting.md").read_text(encoding="utf-8")
    return [message for row in ROW.findall(page) for message in re.findall(r"`(.*?)`", row)]


def texts() -> Iterator[str]:
    """Yield the texts and the names of classes in the package; a gap stands for each value."""
    for file in (ROOT / "airflow_provider_apify").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                parts = [part.value if isinstance(part, ast.Constant) else GAP for part in node.values]
                yield "".join(map(str, parts))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield re.sub(r"%\w", GAP, node.value)
            elif isinstance(node, ast.ClassDef):
                yield node.name


TEXTS = list(texts())


def is_met(message: str) -> bool:
    """Tell whether a text of the package may read like this; ``...`` and names of statuses and kinds may be values."""
    words = re.sub(r"'?\.\.\.'?|\b[A-Z]{2,}\b|\bActor\b", GAP, message)
    pattern = re.compile(".*".join(re.escape(part) for part in words.split(GAP)), re.DOTALL)
    return any(pattern.search(text) for text in TEXTS)


def test_the_page_has_rows() -> None:
    assert len(messages()) > 30
    assert set(messages()) > OF_AIRFLOW
    assert not is_met("is no message of the package")


@pytest.mark.parametrize("message", sorted(set(messages()) - OF_AIRFLOW))
def test_a_message_that_is_explained_may_be_met(message: str) -> None:
    assert is_met(message)
