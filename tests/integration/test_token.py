from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

from tests.integration.stage import Stage
from tools.lab import DagRunKey

APIFY_LOG = "apify.log"
"""The local Apify's own output, which tells its token to whoever started it."""


def test_the_token_is_nowhere_in_what_airflow_stores_logs_and_answers(
    stage: Stage, apify_token: str, tmp_path: Path
) -> None:
    shop = {"startUrls": [{"url": stage.shop}], "maxCrawlPages": 3}
    crawled = stage.trigger("crawl_to_file", run_input=shop, folder=str(tmp_path))
    stage.finish(crawled)
    failed = stage.trigger("scenario", run_input={"endAs": "FAILED"})
    assert stage.lab.client.wait_for_run(failed) == "failed"
    deferred = stage.trigger_deferred({"durationSecs": 600})

    home = stage.lab.home.folder
    seen = {str(file.relative_to(home)): file.read_bytes() for file in home.rglob("*") if file.is_file()}
    seen |= dict(answers(stage, [(crawled, "crawl"), (crawled, "export"), (failed, "run"), (deferred, "run")]))
    stage.lab.client.set_task_state(deferred, "run", "failed")

    # That the search finds what is there.
    assert apify_token.encode() in seen.pop(APIFY_LOG)
    assert any(b"triggers.run.ApifyRunTrigger" in text for name, text in seen.items() if name.startswith("airflow.db"))
    assert b"ApifyRunTrigger" in seen[task_path(deferred, "run")]
    for spelling in (apify_token.encode(), base64.b64encode(apify_token.encode())):
        assert [name for name, text in seen.items() if spelling in text] == []


def answers(stage: Stage, tasks: list[tuple[DagRunKey, str]]) -> Iterator[tuple[str, bytes]]:
    """Yield what the UI shows of the connection and of tasks: rendered fields, trigger, log, links, XComs."""
    paths = ["/connections", "/connections/apify_default", "/eventLogs"]
    for run, task_id in tasks:
        path = task_path(run, task_id)
        xcoms = stage.lab.client.call("GET", f"{path}/xcomEntries")["xcom_entries"]
        paths += [path, f"{path}/logs/1", f"{path}/links", *(f"{path}/xcomEntries/{xcom['key']}" for xcom in xcoms)]
    for path in paths:
        yield path, stage.lab.client.read(path)


def task_path(run: DagRunKey, task_id: str) -> str:
    """Return where Airflow's REST API has a task of a run."""
    return f"{run.path}/taskInstances/{task_id}"
