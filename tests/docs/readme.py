"""What tests take from the README."""

from __future__ import annotations

from pathlib import Path

README = Path(__file__).parents[2] / "README.md"


def dag_of_the_readme(start_url: str, folder: str) -> str:
    """Return its DAG as it is printed, but for the site and the folder, which have to be the test's."""
    printed = README.read_text(encoding="utf-8").partition("```python\n")[2].partition("```")[0]
    site, target = "https://docs.apify.com/academy", "/data/"
    assert site in printed
    assert target in printed
    return printed.replace(site, start_url).replace(target, f"{folder}/")
