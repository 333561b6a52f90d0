"""Name the Airflow versions this provider is tested on: the one list behind set-up, pinning, and the test matrix.

As a program, print the jobs of the matrix as JSON.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
"""The checkout."""


class AirflowVersion(NamedTuple):
    """One line of Airflow releases and what it is pinned to."""

    series: str
    """What people type, such as ``3.3``."""
    release: str
    """The exact release that is installed, such as ``3.3.2``."""
    pinned_on: str
    """Packages published after this day (ISO date) are left out of the constraints."""
    newest_python: str
    """The newest Python this series and its constraints support; the oldest is always 3.11."""
    limits: tuple[str, ...] = ()
    """Requirements beside Airflow's own, for what it has not limited and cannot work with."""
    extras: tuple[str, ...] = ("dev", "openlineage")
    """The extras of this package that are installed."""
    resolution: str = "highest"
    """Which versions of the packages that this one names, as uv calls it: ``highest`` or ``lowest-direct``."""

    @property
    def is_preview(self) -> bool:
        """Whether it is not released yet, so that a failure is a warning."""
        return not self.release.replace(".", "").isdecimal()

    @property
    def pythons(self) -> list[str]:
        """Each Python of this series, from the oldest on, such as ``3.11``."""
        first, last = (int(python.removeprefix("3.")) for python in (OLDEST_PYTHON, self.newest_python))
        return [f"3.{minor}" for minor in range(first, last + 1)]

    @property
    def constraints(self) -> Path:
        """Return the file that pins every package of this environment."""
        return ROOT / "constraints" / f"airflow-{self.series}.txt"


OLDEST_PYTHON = "3.11"

AIRFLOW_VERSIONS = (
    AirflowVersion("2.11", "2.11.2", "2026-05-20", "3.12", ("gcsfs<2026.5",)),
    AirflowVersion("3.0", "3.0.6", "2026-05-20", "3.12", ("universal-pathlib<0.3", "fastapi<0.117", "gcsfs<2026.5")),
    AirflowVersion("3.1", "3.1.8", "2026-05-20", "3.13", ("gcsfs<2026.5",)),
    AirflowVersion("3.2", "3.2.2", "2026-06-05", "3.13", ("gcsfs<2026.5",)),
    AirflowVersion("3.3", "3.3.2", "2026-09-20", "3.13", extras=("dev", "docs", "fleet", "openlineage")),
)

PREVIEW = AirflowVersion(
    "3.4",
    "3.4.0b2",
    "2026-11-29",
    "3.13",
    ("apache-airflow-core==3.4.0b2", "apache-airflow-task-sdk==1.4.0b2", "sqlalchemy<2.1", "pytest<9.2"),
)
"""The Airflow to come. On pytest 9.2, pytest-xdist 3.8 spreads tests over processes that have to share one."""

LOWEST = AirflowVersion(
    "lowest", "2.11.0", "2026-05-20", "3.12", ("gcsfs<2026.5",), extras=("dev",), resolution="lowest-direct"
)
"""The oldest version that ``pyproject.toml`` allows of each package that it names."""

DEVELOPMENT_VERSION = AIRFLOW_VERSIONS[-1]
"""What ``.venv``, the demo, the documentation, and the integration tests run."""


def airflow_version(series: str) -> AirflowVersion:
    """Look a series up.

    :param series: such as ``3.3``.
    :raises ValueError: the series is not tested here.
    """
    versions = (*AIRFLOW_VERSIONS, PREVIEW, LOWEST)
    for version in versions:
        if version.series == series:
            return version
    known = ", ".join(version.series for version in versions)
    raise ValueError(f"Airflow {series} is not in the test matrix; choose one of {known}")


def matrix_jobs() -> list[dict[str, str | bool]]:
    """Return what is tested each on a machine of its own: each series with each of its Pythons, the lowest with one."""
    pairs = [(version, python) for version in (*AIRFLOW_VERSIONS, PREVIEW) for python in version.pythons]
    return [
        {"airflow": version.series, "python": python, "may_fail": version.is_preview}
        for version, python in [(LOWEST, OLDEST_PYTHON), *pairs]
    ]


if __name__ == "__main__":
    print(json.dumps(matrix_jobs()))
