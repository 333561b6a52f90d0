"""The workflows of a forge: they do what a developer does by hand, with no right that they do not need."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped] # comes with Airflow, without types

from tools.versions import AIRFLOW_VERSIONS, LOWEST, PREVIEW

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / ".github" / "workflows"
if not FOLDER.exists():
    pytest.skip("the source distribution has no workflows", allow_module_level=True)

WORKFLOWS: dict[str, Any] = {path.stem: yaml.safe_load(path.read_text("utf-8")) for path in FOLDER.iterdir()}
TEXT = "".join(path.read_text("utf-8") for path in FOLDER.iterdir())
JOBS = {name: job for workflow in WORKFLOWS.values() for name, job in workflow["jobs"].items()}


def steps(job: str = "") -> list[dict[str, Any]]:
    return [step for name, each in JOBS.items() for step in each.get("steps", []) if job in ("", name)]


def targets(text: str) -> set[str]:
    return set(re.findall(r"\bmake ([a-z]+)", text))


def programs() -> Iterator[str]:
    for step in steps():
        yield from re.findall(r"python3? -m ([\w.]+)", step.get("run", ""))


def test_they_make_what_the_makefile_has() -> None:
    known = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    asked = targets("\n".join(step.get("run", "") for step in steps())) | set(checks())
    assert asked == {"lint", "docs", "test", "matrix", "dist", "distcheck"}
    assert asked <= known


def checks() -> list[str]:
    found: list[str] = JOBS["check"]["strategy"]["matrix"]["target"]
    return found


def test_a_change_is_checked_as_by_hand() -> None:
    assert set(checks()) == targets((ROOT / ".ci/run").read_text("utf-8"))
    assert [step["run"] for step in steps("check") if "run" in step] == ['make "$TARGET"']


def test_the_programs_that_they_run_are_there() -> None:
    assert set(programs()) == {"tools.versions", "tools.release"}
    assert all((ROOT / f"{name.replace('.', '/')}.py").exists() for name in programs())


def test_the_matrix_is_the_list_of_tools_versions() -> None:
    command = [sys.executable, "-m", "tools.versions"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603 - us
    jobs = json.loads(done.stdout)

    assert JOBS["matrix"]["strategy"]["matrix"] == {"include": "${{ fromJSON(needs.versions.outputs.jobs) }}"}
    assert JOBS["versions"]["outputs"] == {"jobs": "${{ steps.list.outputs.jobs }}"}
    assert {key for key in jobs[0] if f"matrix.{key} }}}}" in TEXT} == set(jobs[0])
    assert [job["airflow"] for job in jobs if job["python"] == "3.11"] == [
        version.series for version in (LOWEST, *AIRFLOW_VERSIONS, PREVIEW)
    ]
    newest = {job["airflow"]: job["python"] for job in jobs}
    assert newest == {
        LOWEST.series: "3.11",
        **{version.series: version.newest_python for version in (*AIRFLOW_VERSIONS, PREVIEW)},
    }
    assert {job["airflow"] for job in jobs if job["may_fail"]} == {PREVIEW.series}
    assert not any(f'"{version.series}"' in TEXT for version in AIRFLOW_VERSIONS)


def test_each_action_is_pinned_to_one_commit_and_names_its_version() -> None:
    used = [line.partition("uses: ")[2] for line in TEXT.splitlines() if "uses: " in line and "uses: ./" not in line]
    assert used
    assert [line for line in used if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v[\d.]+", line)] == []
    assert len(set(used)) == len({line.partition("@")[0] for line in used})


def test_only_what_publishes_may_write_and_it_runs_nothing_of_the_checkout() -> None:
    assert all(workflow["permissions"] == {} for workflow in WORKFLOWS.values())
    rights = {name: job["permissions"] for name, job in JOBS.items()}
    assert rights.pop("publish") == {"attestations": "write", "id-token": "write"}
    assert set(map(str, rights.values())) == {"{'contents': 'read'}"}
    assert not [step for step in steps("publish") if "run" in step or "checkout" in step["uses"]]
    assert all(step["with"]["persist-credentials"] is False for step in steps() if "checkout" in step.get("uses", ""))


def test_what_is_published_is_what_was_built_and_tried_out() -> None:
    def taken(job: str) -> list[Any]:
        return [step["with"] for step in steps(job) if "artifact" in step.get("uses", "")]

    artifact = {"name": "dist", "path": "dist/"}
    assert taken("build") == [artifact | {"if-no-files-found": "error"}]
    assert taken("distribution") == taken("publish") == [artifact]
    assert JOBS["distribution"]["needs"] == "build"
    assert JOBS["publish"]["needs"] == "ci"
    assert JOBS["ci"]["uses"] == "./.github/workflows/ci.yml"
    assert JOBS["ci"]["needs"] == "version"
