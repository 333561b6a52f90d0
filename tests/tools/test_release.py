from __future__ import annotations

import subprocess
import sys

import pytest

from airflow_provider_apify import __version__
from tools.release import disagreements
from tools.versions import ROOT

CHANGELOG = "# Changelog\n\n## [1.2.0] - 2026-12-01\n\n## [1.1.0] - 2026-11-01\n"


def test_a_tag_may_release_the_version_that_the_changelog_begins_with() -> None:
    assert disagreements("v1.2.0", "1.2.0", CHANGELOG) == []


@pytest.mark.parametrize("tag", ["1.2.0", "v1.2", "v1.3.0", "v1.2.0rc1"])
def test_another_tag_is_told_what_it_should_be(tag: str) -> None:
    assert disagreements(tag, "1.2.0", CHANGELOG) == [
        f"The tag is {tag}, and __version__ is 1.2.0: tag v1.2.0, or change __version__."
    ]


@pytest.mark.parametrize("newest", ["[1.2.0] - Unreleased", "[1.3.0] - 2026-12-01", "[1.2.0]", "1.2.0 - 2026-12-01"])
def test_a_changelog_without_the_version_and_its_day_is_told_what_to_write(newest: str) -> None:
    changelog = CHANGELOG.replace("[1.2.0] - 2026-12-01", newest)
    assert disagreements("v1.2.0", "1.2.0", changelog) == [
        f"The changelog begins with '## {newest}': write '## [1.2.0] - ' and the date."
    ]


def test_the_command_reads_the_package_and_the_changelog() -> None:
    command = [sys.executable, "-m", "tools.release", "check", "v0.0.0"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 - us
    assert done.returncode == 1
    assert f"The tag is v0.0.0, and __version__ is {__version__}" in done.stderr
