"""Run a program of this virtual environment without the caller's Airflow settings: ``python -m tools.run pytest``."""

from __future__ import annotations

import os
import sys

from tools.environment import clean_environment

if __name__ == "__main__":
    environment = clean_environment(**{name: os.environ[name] for name in ("CI",) if name in os.environ})
    os.execvpe(sys.argv[1], sys.argv[1:], environment)  # noqa: S606 - no shell on purpose
