"""Airflow's API server, which workers talk to, is away, slow, or answers errors."""

from __future__ import annotations

from collections.abc import Mapping

from tests.chaos.cases.states import STATES

_STORMS: Mapping[str, tuple[str, str]] = {
    "stopped": ("the server is stopped", "Airflow's API server is stopped (SIGTERM) for 45 seconds"),
    "killed": ("the server is killed", "Airflow's API server is killed, and is away for 45 seconds"),
    "slow": ("the server is slow", "Airflow's API server answers nothing for 45 seconds (SIGSTOP)"),
    "refusing": ("the server answers 500", "A proxy answers 500 for Airflow's API server, for 45 seconds"),
}

CASES = tuple(
    state.like(key=f"server_{key}_{state.key}", section=section, storm=storm)
    for key, (storm, section) in _STORMS.items()
    for state in STATES
)
