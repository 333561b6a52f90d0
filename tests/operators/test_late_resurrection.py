"""A run that is brought back to life by a request that arrives after its task was given up."""

from __future__ import annotations

import pytest

from local_apify import LocalApify
from tests.operators.test_exactly_once_property import LATE_LOOKS, Blow, OneTask


@pytest.mark.parametrize("looks", range(1, LATE_LOOKS + 1))
@pytest.mark.parametrize("moment", range(8))
@pytest.mark.parametrize("airflow", [(False, False), (True, False)])
def test_a_resurrection_that_arrives_after_the_abort_is_aborted_too(
    obedient_apify: LocalApify, monkeypatch: pytest.MonkeyPatch, airflow: tuple[bool, bool], moment: int, looks: int
) -> None:
    task = OneTask(obedient_apify, monkeypatch)
    task.begin(
        deferrable=False, lags=False, airflow=airflow, on_failed_run="resurrect", abort_on_kill=True, patience=0.0
    )
    task.an_attempt_starts([], Blow(), 0, "FAILED")
    task.an_attempt_starts([], Blow("marked", "terminated", looks), moment, "TIMED-OUT")
    task.never_two_runs_for_one_wish()
    task.never_a_run_that_nobody_wants()
    task.teardown()
