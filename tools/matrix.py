"""Run the tests on every supported Airflow version that this machine has a Python for."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from tools.versions import AIRFLOW_VERSIONS, OLDEST_PYTHON, ROOT, airflow_version

if TYPE_CHECKING:
    from tools.versions import AirflowVersion

FOLDER = ".venvs"


def find_python(version: AirflowVersion) -> str | None:
    """Return a Python that suits this Airflow; None when the machine has none (the reason goes to stderr)."""
    command = ["tools/find-python", OLDEST_PYTHON, version.newest_python]
    found = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    return found.stdout.strip() or None


def test_on(version: AirflowVersion) -> str:
    """Set the environment of one Airflow version up, run the tests in it, and return a word for the summary."""
    print(f"\n=== Airflow {version.release}", flush=True)
    python = find_python(version)
    if python is None:
        return f"skipped: no Python {OLDEST_PYTHON} to {version.newest_python} on this machine"
    folder = f"{FOLDER}/airflow-{version.series}"
    prepared = subprocess.run([python, "-m", "tools.virtualenv", version.series, folder], cwd=ROOT, check=False)
    if prepared.returncode != 0:
        return "FAILED to set up"
    command = [str(ROOT / folder / "bin/python"), "-m", "tools.run", "pytest", "-m", "not integration"]
    return "passed" if subprocess.run(command, cwd=ROOT, check=False).returncode == 0 else "FAILED"


def main() -> int:
    """Test the series named on the command line, or all of them, and end with one line for each."""
    (ROOT / FOLDER).mkdir(exist_ok=True)
    chosen = [airflow_version(series) for series in sys.argv[1:]] or AIRFLOW_VERSIONS
    results = {version.release: test_on(version) for version in chosen}
    print("\n=== Summary")
    for release, result in results.items():
        print(f"  Airflow {release:<8} {result}")
    return 1 if any(result.startswith("FAILED") for result in results.values()) else os.EX_OK


if __name__ == "__main__":
    sys.exit(main())
