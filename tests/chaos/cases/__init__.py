"""Every case of the fault harness."""

from __future__ import annotations

from tests.chaos.case import Case
from tests.chaos.cases import faults, kills, limits, outcomes, users

_ALL: tuple[Case, ...] = (*kills.CASES, *faults.CASES, *users.CASES, *outcomes.CASES, *limits.CASES)
CASES = tuple(case.here for case in _ALL)
