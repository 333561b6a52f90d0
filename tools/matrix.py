"""Run the tests on every supported Airflow version, and on the one to come, with a Python that this machine has.

``python -m tools.matrix [SERIES ...] [-- COMMAND ...]`` runs another command instead of the tests. ``PYTHON`` names the
Python; ``lowest`` is the series of the oldest packages that are allowed.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from tools.results import count_tests, write_row
from tools.versions import AIRFLOW_VERSIONS, DEVELOPMENT_VERSION, OLDEST_PYTHON, PREVIEW, ROOT, airflow_version

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tools.versions import AirflowVersion

DEVELOPMENT_FOLDER = ".venv"
FOLDER = ".venvs"
TESTS = ("pytest", "-n", "2", "--dist", "loadgroup")


def find_python(version: AirflowVersion) -> str | None:
    """Return a Python that suits this Airflow; None when the machine has none (the reason goes to stderr)."""
    command = ["tools/find-python", OLDEST_PYTHON, version.newest_python]
    found = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    return found.stdout.strip() or None


def run_on(version: AirflowVersion, command: Sequence[str]) -> str:
    """Set the environment of one Airflow version up, run a command in it, and return a word for the summary.

    :param command: without one, the tests; their counts become a row of the documentation's table.
    """
    print(f"\n=== Airflow {version.release}", flush=True)
    python = find_python(version)
    if python is None:
        return f"skipped: no Python {OLDEST_PYTHON} to {version.newest_python} on this machine"
    release = _release(python)
    folder = _folder(version, release)
    prepared = subprocess.run([python, "-m", "tools.virtualenv", version.series, folder], cwd=ROOT, check=False)
    if prepared.returncode != 0:
        return "FAILED to set up"
    report = ROOT / folder / "tests.xml"
    report.unlink(missing_ok=True)
    wanted = command or (*TESTS, f"--junitxml={report}")
    run = [str(ROOT / folder / "bin/python"), "-m", "tools.run", *wanted]
    word = "passed" if subprocess.run(run, cwd=ROOT, check=False).returncode == 0 else "FAILED"
    if not command and report.exists():
        counts = count_tests(report)
        write_row(version, release, counts)
        word = f"{word}: {counts}"
    return word


def _release(python: str) -> str:
    """Return the release of a Python, such as ``3.11.7``."""
    command = [python, "-c", "import platform; print(platform.python_version())"]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


def _folder(version: AirflowVersion, python_release: str) -> str:
    """Return the folder of an environment: that of development where it is the same, else one of its own."""
    series = python_release.rpartition(".")[0]
    if version is DEVELOPMENT_VERSION and python_release == ".".join(map(str, sys.version_info[:3])):
        return DEVELOPMENT_FOLDER
    return f"{FOLDER}/airflow-{version.series}" + ("" if series == OLDEST_PYTHON else f"-python-{series}")


def main() -> int:
    """Test the series named on the command line, or all of them, and end with one line for each.

    :return: 1 where one has failed that is released, or was asked for.
    """
    (ROOT / FOLDER).mkdir(exist_ok=True)
    arguments = sys.argv[1:]
    end = arguments.index("--") if "--" in arguments else len(arguments)
    chosen = [airflow_version(series) for series in arguments[:end]] or (*AIRFLOW_VERSIONS, PREVIEW)
    may_fail = [version for version in chosen if version.is_preview and not arguments[:end]]
    results = {version: run_on(version, arguments[end + 1 :]) for version in chosen}
    print("\n=== Summary")
    for version, result in results.items():
        preview = " (not released: a warning)" if version in may_fail and result.startswith("FAILED") else ""
        print(f"  Airflow {version.release:<8} {result}{preview}")
    failed = [version for version, result in results.items() if result.startswith("FAILED") and version not in may_fail]
    return 1 if failed else os.EX_OK


if __name__ == "__main__":
    sys.exit(main())
