from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.integration.stage import Stage

TOLD = timedelta(seconds=7)


@pytest.fixture
def full_account(stage: Stage) -> Iterator[None]:
    """Let Apify refuse the next start, and say when there will be room."""
    stage.apify.add_fault(
        "answer",
        method="POST",
        path="/v2/actors/*/runs",
        status=402,
        error_type="actor-memory-limit-exceeded",
        headers={"Retry-After": str(TOLD.seconds)},
    )
    yield
    stage.apify.clear_faults()


@pytest.mark.usefixtures("full_account")
def test_a_retry_comes_when_apify_said_and_not_after_the_task_s_own_delay(stage: Stage) -> None:
    run = stage.trigger("scenario_with_policy")

    stage.finish(run)

    first, second = attempts(stage, run.path)
    assert second - first >= TOLD
    assert "Retry policy decision" in stage.lab.client.task_log(run, "run", try_number=1)
    assert len(stage.apify_runs(run)) == 1


def attempts(stage: Stage, run_path: str) -> tuple[datetime, datetime]:
    """Return when the first attempt of the task had ended, and when the second began.

    Airflow 3.4 makes both in one try, and keeps of the first only that it was after the DAG run's start.
    """
    client = stage.lab.client
    tries: Any = client.call("GET", f"{run_path}/taskInstances/run/tries")["task_instances"]
    ended = tries[0]["end_date"] if len(tries) > 1 else client.call("GET", run_path)["start_date"]
    return datetime.fromisoformat(ended), datetime.fromisoformat(tries[-1]["start_date"])
