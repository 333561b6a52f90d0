"""The metrics of workers and of the triggerer, as a StatsD server gets them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from tests.integration.stage import Stage
from tests.statsd import StatsD
from tools.lab import wait_until


def test_a_run_that_is_waited_for_in_the_triggerer_and_exported_is_counted(
    stage: Stage, statsd: StatsD, tmp_path: Path
) -> None:
    before = Counter(statsd.names)
    run = stage.trigger("crawl_to_file", run_input={"startUrls": [{"url": stage.shop}]}, folder=str(tmp_path))
    stage.finish(run)

    assert dict(Counter(statsd.names) - before) == {
        "apify.run.started": 1,
        "apify.wait.duration.succeeded": 1,
        "apify.run.finished.succeeded": 1,
        "apify.run.cost_usd_micros": 1,
        "apify.run.duration": 1,
        "apify.export.items": 1,
        "apify.export.bytes": 1,
        "apify.export.duration": 1,
    }


def test_a_run_that_the_triggerer_aborts_for_a_user_is_counted(stage: Stage, statsd: StatsD) -> None:
    run = stage.trigger_deferred({"durationSecs": 600})
    before = statsd.sum_of("apify.run.aborted")

    stage.lab.client.set_task_state(run, "run", "failed")

    wait_until(lambda: statsd.sum_of("apify.run.aborted") == before + 1, "the abort to be counted", timeout=60)
