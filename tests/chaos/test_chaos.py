"""The fault harness in short: a few of the cases that ``make chaos`` plays all of."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.chaos.case import Case
from tests.chaos.cases import CASES
from tests.chaos.judge import Verdict
from tests.chaos.run import chaos_lab, play_clearly
from tests.dag_runs import NEEDS_API_OF_AIRFLOW_3
from tools.lab import AirflowLab

QUICK = [case for case in CASES if case.is_quick]

pytestmark = [pytest.mark.integration, NEEDS_API_OF_AIRFLOW_3]


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Verdict]]:
    """Play them side by side: one by one they would take minutes."""
    with chaos_lab(tmp_path_factory.mktemp("chaos")) as lab:
        yield _played(lab)


def _played(lab: AirflowLab) -> dict[str, Verdict]:
    return {verdict.case.key: verdict for verdict in play_clearly(lab, QUICK)}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("case", QUICK, ids=lambda case: case.key)
def test_there_is_exactly_one_run(verdicts: dict[str, Verdict], case: Case) -> None:
    verdict = verdicts[case.key]

    assert (verdict.state, verdict.runs) == (case.state, case.runs)
    assert verdict.is_as_expected, str(verdict)
