"""Every case of the fault harness."""

from __future__ import annotations

from tests.chaos.case import Case
from tests.chaos.cases import faults, kills, limits, outcomes, users

CASES: tuple[Case, ...] = (*kills.CASES, *faults.CASES, *users.CASES, *outcomes.CASES, *limits.CASES)
