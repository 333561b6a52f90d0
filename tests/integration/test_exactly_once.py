from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.stage import Stage
from tools.lab import wait_until


@pytest.fixture
def broken_watch(stage: Stage) -> Iterator[None]:
    """Let the next look of a trigger at its run fail in a way that is not repeated."""
    stage.apify.add_fault(
        "answer", method="GET", path="/v2/actor-runs/*", status=403, error_type="insufficient-permissions"
    )
    yield
    stage.apify.clear_faults()


@pytest.mark.usefixtures("broken_watch")
def test_a_run_that_nobody_can_watch_any_more_is_aborted(stage: Stage) -> None:
    run = stage.trigger("scenario", run_input={"durationSecs": 600})

    assert stage.lab.client.wait_for_run(run) == "failed"

    (started,) = stage.apify_runs(run)
    assert started.aborted_by_request
    assert "Nobody watches run" in stage.lab.client.task_log(run, "run")


@pytest.mark.usefixtures("broken_watch")
def test_a_retry_after_the_trigger_failed_goes_on_with_the_same_run(stage: Stage) -> None:
    run = stage.trigger("scenario_retried", run_input={"durationSecs": 8, "items": 3})

    stage.finish(run)

    (started,) = stage.apify_runs(run)
    result = stage.lab.client.xcom(run, "run")
    assert (result["run_id"], result["item_count"]) == (started.run_id, 3)
    assert "going on with it" in stage.lab.client.task_log(run, "run", try_number=2)


def test_clearing_a_deferred_task_aborts_its_run_and_starts_another(stage: Stage) -> None:
    run = stage.trigger_deferred({"durationSecs": 600})
    first, asked_before = stage.apify_run(run), stage.times_watched

    stage.lab.client.clear(run, ["run"])

    wait_until(lambda: len(stage.apify_runs_of(first)) > 1, "the second run", timeout=90)
    wait_until(lambda: not stage.apify_runs_of(first)[0].is_going, "the first run to end", timeout=60)
    old, new = stage.apify_runs_of(first)
    assert (old.run_id, old.aborted_by_request, new.is_going) == (first.run_id, True, True)
    # The new attempt looks at the old run, then the trigger at the new one: only a trigger that runs can be told.
    stage.wait_until_watched(asked_before + 1)
    stage.lab.client.wait_for_task(run, "run", ["deferred"])
    stage.lab.client.set_task_state(run, "run", "failed")
    wait_until(lambda: not stage.apify_runs_of(first)[1].is_going, "the second run to end", timeout=60)
