"""Write ``constraints/airflow-*.txt``: every package of the development environment, pinned for each Airflow version.

Only this script needs ``uv``; installing from the files it writes needs nothing but ``pip``.
"""

from __future__ import annotations

import shutil
import subprocess
import sys

from tools.versions import AIRFLOW_VERSIONS, LOWEST, OLDEST_PYTHON, PREVIEW, ROOT, AirflowVersion, airflow_version

HEADER = """\
# Airflow {release} and the development environment, packages published until {pinned_on}, Python {oldest} to {newest}.
# Written by `make pin`; change pyproject.toml or tools/versions.py instead of this file.
"""


def pin(version: AirflowVersion) -> None:
    """Resolve one environment and write its constraints file."""
    command = ["uv", "pip", "compile", "pyproject.toml", "-", "--universal", "--quiet"]
    command += [f"--extra={extra}" for extra in version.extras]
    command += ["--python-version", OLDEST_PYTHON, "--exclude-newer", version.pinned_on]
    command += ["--resolution", version.resolution]
    command += ["--no-header", "--no-annotate", "--no-config"]
    wanted = "\n".join((f"apache-airflow=={version.release}", *version.limits))
    pins = subprocess.run(command, input=wanted, stdout=subprocess.PIPE, text=True, cwd=ROOT, check=True).stdout
    header = HEADER.format(
        release=version.release,
        pinned_on=version.pinned_on,
        oldest=OLDEST_PYTHON,
        newest=version.newest_python,
    )
    version.constraints.write_text(header + pins)
    print(f"{version.constraints.relative_to(ROOT)}: {len(pins.splitlines())} packages")


def main() -> None:
    """Pin the series named on the command line, or all of them."""
    if shutil.which("uv") is None:
        sys.exit("Pinning needs uv (https://docs.astral.sh/uv/); nothing else in this project does.")
    for version in [airflow_version(series) for series in sys.argv[1:]] or (*AIRFLOW_VERSIONS, PREVIEW, LOWEST):
        pin(version)


if __name__ == "__main__":
    main()
