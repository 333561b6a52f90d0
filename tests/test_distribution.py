"""What is released: built as ``pip`` builds it, unpacked, and used with nothing of the checkout in reach.

``--built dist`` judges what is in that folder, in place of what would be built for the tests.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from collections.abc import Iterable
from email import message_from_string
from email.policy import default
from pathlib import Path
from typing import NamedTuple

import pytest
from packaging.requirements import Requirement

from airflow_provider_apify import __version__
from airflow_provider_apify.get_provider_info import get_provider_info

pytestmark = pytest.mark.xdist_group("distribution")

ROOT = Path(__file__).parents[1]
PACKAGES = ("airflow_provider_apify", "local_apify")
NAME = f"airflow_provider_apify-{__version__}"
FOR_WHO_DEVELOPS = (".github/", ".editorconfig", ".pre-commit-config.yaml")
"""What is kept in git, and is of no use without it."""
MADE_BY_THE_BUILD = {"PKG-INFO"}


class Built(NamedTuple):
    """What a release consists of, and the same once more."""

    source: Path
    """The source distribution, unpacked."""
    wheel_of_source: Path
    """Built from the unpacked source distribution, as an index's users build it."""
    wheel: Path


def build(kind: str, project: Path, folder: Path) -> Path:
    """Build a project, and return the one file that comes of it."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(folder)]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)  # noqa: S603 - us
    assert done.returncode == 0, done.stderr
    (file,) = folder.iterdir()
    return file


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Built:
    folder = tmp_path_factory.mktemp("built")
    dist: Path | None = pytestconfig.getoption("--built")
    archive = dist / f"{NAME}.tar.gz" if dist else build("sdist", ROOT, folder / "sdist")
    shutil.unpack_archive(archive, folder / "unpacked", filter="data")
    source = folder / "unpacked" / NAME
    wheel = dist / f"{NAME}-py3-none-any.whl" if dist else build("wheel", ROOT, folder / "of_checkout")
    return Built(source, build("wheel", source, folder / "of_sdist"), wheel)


@pytest.fixture(scope="module")
def installed(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder that holds the wheel's files, and nothing else."""
    folder = tmp_path_factory.mktemp("installed")
    shutil.unpack_archive(built.wheel, folder, "zip")
    return folder


def files(folder: Path, *parts: str) -> set[str]:
    """Name the files in some parts of a folder, but for what Python has compiled."""
    found = (path for part in parts for path in (folder / part).rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix() for path in found if "__pycache__" not in path.parts}


def names(paths: Iterable[str], *beginnings: str) -> set[str]:
    return {path for path in paths if path.startswith(beginnings)}


def test_a_wheel_is_the_same_from_the_checkout_and_from_the_source_distribution(built: Built) -> None:
    assert built.wheel.name == built.wheel_of_source.name == f"{NAME}-py3-none-any.whl"
    assert built.wheel.read_bytes() == built.wheel_of_source.read_bytes()


def test_the_wheel_holds_both_packages_and_what_describes_them(installed: Path) -> None:
    described = {"METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE"}
    assert files(installed, ".") == files(ROOT, *PACKAGES) | {f"{NAME}.dist-info/{name}" for name in described}


def test_type_checkers_read_the_types_of_both_packages(installed: Path) -> None:
    assert all((installed / package / "py.typed").is_file() for package in PACKAGES)


def test_the_license_comes_along(installed: Path) -> None:
    assert (installed / f"{NAME}.dist-info/licenses/LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()


def test_the_metadata_says_what_an_index_shows_and_what_pip_installs(installed: Path) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    text = (installed / f"{NAME}.dist-info/METADATA").read_text(encoding="utf-8")
    said = message_from_string(text, policy=default)

    assert (said["Name"], said["Version"]) == ("airflow-provider-apify", __version__)
    assert (said["License-Expression"], said.get_all("License-File")) == ("Apache-2.0", ["LICENSE"])
    assert (said["Summary"], said["Requires-Python"]) == (project["description"], project["requires-python"])
    assert set(said.get_all("Classifier", [])) == set(project["classifiers"])
    assert said["Description-Content-Type"] == "text/markdown"
    assert text.endswith((ROOT / "README.md").read_text(encoding="utf-8"))
    needed = [Requirement(line) for line in said.get_all("Requires-Dist", [])]
    always = {str(requirement) for requirement in needed if requirement.marker is None}
    assert always == {str(Requirement(line)) for line in project["dependencies"]}
    assert set(said.get_all("Provides-Extra", [])) == set(project["optional-dependencies"])


def test_the_source_distribution_holds_what_git_does(built: Built) -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("this is no checkout of git")
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    kept = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()  # noqa: S603 - fixed
    there = {path for path in kept if (ROOT / path).is_file()}
    assert names(there, *FOR_WHO_DEVELOPS)
    assert files(built.source, ".") - MADE_BY_THE_BUILD == there - names(there, *FOR_WHO_DEVELOPS)


def test_airflow_and_the_shell_find_their_ways_into_the_wheel(installed: Path) -> None:
    """Without ``site``, Python reads no ``.pth`` file, so the checkout is not installed."""
    program = """if True:
        import json, sys
        from importlib.metadata import distribution
        sys.path[:0], sys.path[len(sys.path):] = sys.argv[1:2], sys.argv[2:]
        here = distribution("airflow-provider-apify")
        found = {f"{point.group} {point.name}": point.load() for point in here.entry_points}
        import airflow_provider_apify.hooks.apify
        print(json.dumps({
            "version": here.version,
            "entry points": sorted(found),
            "provider": found["apache_airflow_provider provider_info"](),
            "modules": [airflow_provider_apify.__file__, sys.modules["local_apify.__main__"].__file__],
        }))
    """
    sites = dict.fromkeys(sysconfig.get_paths()[name] for name in ("purelib", "platlib"))
    command = [sys.executable, "-I", "-S", "-c", program, str(installed), *sites]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - us
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "version": __version__,
        "entry points": [
            "airflow.plugins apify",
            "apache_airflow_provider provider_info",
            "console_scripts local-apify",
        ],
        "provider": get_provider_info(),
        "modules": [
            str(installed / path) for path in ("airflow_provider_apify/__init__.py", "local_apify/__main__.py")
        ],
    }


def test_the_changelog_begins_with_this_version() -> None:
    newest = re.search(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert newest
    assert re.fullmatch(rf"\[{re.escape(__version__)}\] - (Unreleased|\d{{4}}-\d{{2}}-\d{{2}})", newest[1])
