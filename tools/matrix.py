"""Run the tests on every supported Airflow version that this machine has a Python for.

``python -m tools.matrix [SERIES ...] [-- COMMAND ...]`` runs another command instead of the tests.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from tools.versions import AIRFLOW_VERSIONS, DEVELOPMENT_VERSION, OLDEST_PYTHON, ROOT, airflow_version

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tools.versions import AirflowVersion

DEVELOPMENT_FOLDER = ".venv"
FOLDER = ".venvs"
TESTS = ("pytest", "-n", "2", "--dist", "loadgroup", "-m", "not integration")


def find_python(version: AirflowVersion) -> str | None:
    """Return a Python that suits this Airflow; None when the machine has none (the reason goes to stderr)."""
    command = ["tools/find-python", OLDEST_PYTHON, version.newest_python]
    found = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    return found.stdout.strip() or None


def run_on(version: AirflowVersion, command: Sequence[str]) -> str:
    """Set the environment of one Airflow version up, run a command in it, and return a word for the summary."""
    print(f"\n=== Airflow {version.release}", flush=True)
    python = find_python(version)
    if python is None:
        return f"skipped: no Python {OLDEST_PYTHON} to {version.newest_python} on this machine"
    folder = DEVELOPMENT_FOLDER if version is DEVELOPMENT_VERSION else f"{FOLDER}/airflow-{version.series}"
    prepared = subprocess.run([python, "-m", "tools.virtualenv", version.series, folder], cwd=ROOT, check=False)
    if prepared.returncode != 0:
        return "FAILED to set up"
    run = [str(ROOT / folder / "bin/python"), "-m", "tools.run", *command]
    return "passed" if subprocess.run(run, cwd=ROOT, check=False).returncode == 0 else "FAILED"


def main() -> int:
    """Test the series named on the command line, or all of them, and end with one line for each."""
    (ROOT / FOLDER).mkdir(exist_ok=True)
    arguments = sys.argv[1:]
    end = arguments.index("--") if "--" in arguments else len(arguments)
    chosen = [airflow_version(series) for series in arguments[:end]] or AIRFLOW_VERSIONS
    results = {version.release: run_on(version, arguments[end + 1 :] or TESTS) for version in chosen}
    print("\n=== Summary")
    for release, result in results.items():
        print(f"  Airflow {release:<8} {result}")
    return 1 if any(result.startswith("FAILED") for result in results.values()) else os.EX_OK


if __name__ == "__main__":
    sys.exit(main())
