"""Create or refresh a virtual environment with this checkout, one Airflow version, and the development tools.

Runs on a bare Python: standard library only, and any ``pip`` that ``python -m venv`` brings along.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import subprocess
import sys
import time
import tomllib
from typing import TYPE_CHECKING

from tools.versions import ROOT, AirflowVersion, airflow_version

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import TextIO

SHOWN_LOG_LINES = 6
PROGRESS_STEP = 50
MISLEADING = {"PYTHONHOME", "PYTHONPATH", "PIP_PREFIX", "PIP_TARGET", "PIP_USER", "PIP_ROOT"}
"""Settings of the caller that would make pip install somewhere else."""
UNREACHABLE = ("Could not find a version", "Failed to establish", "ConnectionError", "CERTIFICATE_VERIFY", "timed out")
"""What pip says when it cannot talk to a package index, or the index does not have what is pinned."""
UNREACHABLE_HINT = """\
pip could not get what it needs from a package index. Check the network, or point pip at a mirror or proxy:
PIP_INDEX_URL, PIP_CERT and HTTPS_PROXY in the environment, or `pip config set`. Then repeat the command."""


def prepare(version: AirflowVersion, folder: Path) -> None:
    """Make the environment ready; return at once when it already is.

    :param folder: the environment's folder inside the checkout. Half-finished ones are built anew.
    """
    marker = folder / ".ready"
    with _lock(version.constraints):
        wanted = _fingerprint(version)
        found = marker.read_text() if marker.exists() and (folder / "bin/python").exists() else ""
        if found == wanted:
            return
        started = time.monotonic()
        print(f"Setting up {folder.relative_to(ROOT)}: Airflow {version.release} on Python {_python_version()}")
        marker.unlink(missing_ok=True)
        if not found or _creator(found) != _creator(wanted):
            create(folder)
        install(version, folder, "--editable", f".[{','.join(version.extras)}]")
        marker.write_text(wanted)
        print(f"  ready after {time.monotonic() - started:.0f} s")


@contextlib.contextmanager
def _lock(file: Path) -> Iterator[None]:
    """Hold an exclusive lock on a file while the block runs, so that two commands never build the same folder."""
    with file.open() as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _fingerprint(version: AirflowVersion) -> str:
    """Describe everything the environment depends on: where it lives, its Python, and what gets installed."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    installed = json.dumps(
        [project["build-system"], project["project"], version.extras, version.constraints.read_text()]
    )
    return f"{_python_version()} {ROOT}\n{hashlib.sha256(installed.encode()).hexdigest()}\n"


def _creator(fingerprint: str) -> str:
    """Return the part of a fingerprint that cannot be changed without a new environment."""
    return fingerprint.splitlines()[0]


def _python_version() -> str:
    return ".".join(map(str, sys.version_info[:3]))


def create(folder: Path) -> None:
    """Make an empty environment, in place of what is there.

    :raises SystemExit: Python could not; the message has its own words.
    """
    command = [sys.executable, "-m", "venv", "--clear", str(folder)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"Python could not create {folder}:\n{done.stdout}")


def install(version: AirflowVersion, folder: Path, *wanted: str) -> None:
    """Run pip, show how far it is, and keep its words in a log.

    :param wanted: what pip is to install.
    :raises SystemExit: pip failed; the message has its last lines and what to do.
    """
    log = folder / "setup.log"
    command = [str(folder / "bin/python"), "-m", "pip", "install", "--no-input", "--disable-pip-version-check"]
    command += ["--constraint", str(version.constraints), *wanted]
    environment = {name: value for name, value in os.environ.items() if name not in MISLEADING}
    with (
        log.open("w") as record,
        subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as pip,
    ):
        _follow(pip, record, total=version.constraints.read_text().count("=="))
    if pip.returncode != 0:
        raise SystemExit(_explain(log))


def _follow(pip: subprocess.Popen[str], record: TextIO, total: int) -> None:
    """Copy pip's output into the log and say every now and then how far it is."""
    collected = 0
    for line in pip.stdout or ():
        record.write(line)
        if line.startswith("Collecting "):
            collected += 1
            if collected % PROGRESS_STEP == 0:
                print(f"  collected {collected} of about {total} packages", flush=True)
        if line.startswith("Installing collected packages"):
            print("  unpacking", flush=True)


def _explain(log: Path) -> str:
    """Say why pip failed, with its own words for it."""
    text = log.read_text()
    lines = text.splitlines()
    errors = [line.strip() for line in lines if "ERROR:" in line] or lines
    shown = "\n".join(f"  | {line}" for line in errors[-SHOWN_LOG_LINES:])
    hint = f"\n{UNREACHABLE_HINT}" if any(sign in text for sign in UNREACHABLE) else ""
    return f"pip failed (all of its output is in {log}):\n{shown}{hint}"


def main() -> None:
    """Prepare the environment given as ``SERIES FOLDER``, such as ``3.3 .venv``."""
    series, folder = sys.argv[1:]
    try:
        prepare(airflow_version(series), ROOT / folder)
    except KeyboardInterrupt:
        sys.exit("Interrupted. Repeat the command to start the set-up again.")


if __name__ == "__main__":
    main()
