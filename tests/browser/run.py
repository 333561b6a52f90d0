"""Use the UI of the Airflow that is installed here in Chromium: ``python -m tests.browser.run [options of pytest]``."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tools.environment import clean_environment
from tools.server_programs import MissingProgramError, chromium, python_packages
from tools.versions import ROOT

_HERE = Path(__file__).parent


def main() -> int:
    """Get the browser and what drives it, then run the tests.

    :return: pytest's exit code; 1 where there is no browser to be had.
    """
    try:
        chromium()
        playwright = python_packages(_HERE / "requirements.txt")
    except MissingProgramError as error:
        print("There is no browser to test with:", " ".join(str(error).split()), file=sys.stderr)  # noqa: T201 - a command
        return 1
    kept = {name: os.environ[name] for name in ("CI",) if name in os.environ}
    command = [sys.executable, "-m", "pytest", str(_HERE), *sys.argv[1:]]
    return subprocess.run(command, cwd=ROOT, env=clean_environment(PYTHONPATH=str(playwright), **kept)).returncode  # noqa: PLW1510, S603 - ours


if __name__ == "__main__":
    sys.exit(main())
