"""Every case of the fault harness."""

from __future__ import annotations

from tests.chaos.case import Case
from tests.chaos.cases import (
    beside,
    deployments,
    faults,
    kills,
    limits,
    namesakes,
    outcomes,
    servers,
    sleepers,
    tokens,
    users,
)

_ALL: tuple[Case, ...] = (
    *kills.CASES,
    *sleepers.CASES,
    *deployments.CASES,
    *servers.CASES,
    *beside.CASES,
    *namesakes.CASES,
    *tokens.CASES,
    *faults.CASES,
    *users.CASES,
    *outcomes.CASES,
    *limits.CASES,
)
CASES = tuple(case.here for case in _ALL)
