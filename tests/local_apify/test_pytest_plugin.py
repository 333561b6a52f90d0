"""The pytest plugin, used as the documentation shows it."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from local_apify import ActorContext, LocalApify, actor
from local_apify.pytest_plugin import apify_default
from tools.environment import clean_environment

if TYPE_CHECKING:
    from tests.local_apify.client import Client

__all__ = ["apify_default"]
ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "testing-dags.md"
FILES = re.compile(r"^`([\w./]+)`, [^\n]*:\n\n```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@actor("tests/of-a-marker")
async def of_a_marker(context: ActorContext) -> None:
    """Store one item."""
    await context.push_data({"from": "marker"})


def _names(client: Client) -> list[str]:
    return [f"{each['username']}/{each['name']}" for each in client.data("GET", "/v2/actors")["items"]]


@pytest.mark.skipif(not version("apache-airflow").startswith("3.3."), reason="the page is written for Airflow 3.3")
def test_the_page_s_example_passes_as_it_is(tmp_path: Path) -> None:
    files = dict(FILES.findall(PAGE.read_text(encoding="utf-8")))
    assert list(files) == ["dags/prices.py", "conftest.py", "test_prices.py"]
    (tmp_path / "dags").mkdir()
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    done = subprocess.run(  # noqa: S603 - our own command
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "--strict-markers",
            "--rootdir",
            str(tmp_path),
        ],
        cwd=tmp_path,
        env=clean_environment(PYTHONPATH=str(ROOT)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:]
    assert "1 passed" in done.stdout


def test_every_member_of_the_context_is_on_the_page() -> None:
    text = PAGE.read_text(encoding="utf-8")
    members = [name for name in vars(ActorContext) if not name.startswith("_") and name != "push_source"]
    assert [name for name in members if not re.search(rf"`(await )?{name}\b", text)] == []


@pytest.mark.apify_actors(of_a_marker)
def test_the_actors_of_the_marker_are_there(apify_default: LocalApify, client: Client) -> None:
    assert "tests/of-a-marker" in _names(client)
    run = client.data("POST", "/v2/actors/tests~of-a-marker/runs", params={"waitForFinish": 60})
    assert client.send("GET", f"/v2/datasets/{run['defaultDatasetId']}/items").json() == [{"from": "marker"}]
    assert apify_default.control.ledger().runs_started == 1


def test_and_only_for_the_test_that_has_it(client: Client) -> None:
    assert "apify/hello-world" in _names(client)
    assert "tests/of-a-marker" not in _names(client)
