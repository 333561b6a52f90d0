from __future__ import annotations

from http import HTTPStatus
from pathlib import Path

import requests

from local_apify.actors.shop import expected_crawl
from tests.integration.stage import Stage, json_lines
from tools.lab import DagRunKey, wait_until


def test_a_triggered_dag_defers_resumes_and_writes_every_crawled_page(stage: Stage, tmp_path: Path) -> None:
    pages = expected_crawl(stage.lab.apify.base_url)
    run = stage.trigger("crawl_to_file", run_input={"startUrls": [{"url": stage.shop}]}, folder=str(tmp_path))

    stage.finish(run)

    client = stage.lab.client
    assert client.call("GET", run.path)["logical_date"] is None
    assert "Pausing task as DEFERRED" in client.task_log(run, "crawl")
    assert (tmp_path / "pages.jsonl").read_bytes() == json_lines(pages)
    assert client.xcom(run, "crawl")["item_count"] == client.xcom(run, "export")["items"] == len(pages)
    assert stage.apify_run(run, "crawl").status == "SUCCEEDED"


def test_links_are_there_while_the_task_is_deferred_and_open_the_local_apify_s_pages(stage: Stage) -> None:
    run = stage.trigger_deferred({"durationSecs": 600})

    links = stage.lab.client.extra_links(run, "run")

    pages = stage.lab.apify.base_url
    assert links["Apify run"] == f"{pages}/actors/runs/{stage.apify_run(run).run_id}"
    assert str(links["Apify dataset"]).startswith(f"{pages}/storage/datasets/")
    assert str(links["Apify key-value store"]).startswith(f"{pages}/storage/key-value/")
    for link in links.values():
        assert requests.get(str(link), timeout=10).status_code == HTTPStatus.OK
    stage.lab.client.set_task_state(run, "run", "failed")


def test_a_task_marked_failed_while_deferred_aborts_its_run(stage: Stage) -> None:
    run = stage.trigger_deferred({"durationSecs": 600})

    stage.lab.client.set_task_state(run, "run", "failed")

    wait_until(lambda: stage.apify_run(run).status == "ABORTED", "the run to be aborted", timeout=60)
    assert stage.apify_run(run).aborted_by_request
    assert stage.lab.client.task_instance(run, "run").state == "failed"


def test_a_failing_actor_fails_the_task_with_the_words_of_apify_in_its_log(stage: Stage) -> None:
    words = "The shop is closed on Sundays."
    run = stage.trigger("scenario", run_input={"endAs": "FAILED", "exitMessage": words, "logLines": ["Knocking"]})

    assert stage.lab.client.wait_for_run(run) == "failed"

    log = stage.lab.client.task_log(run, "run")
    assert f"is FAILED: {words}" in log
    assert "Knocking" in log
    assert stage.apify_run(run).run_id in log


def test_a_run_without_a_logical_date_works_when_an_asset_triggers_it(stage: Stage) -> None:
    client = stage.lab.client
    client.unpause("asset_triggered")
    asset = client.call("GET", "/assets", params={"name_pattern": "something_new"})["assets"][0]

    client.call("POST", "/assets/events", json={"asset_id": asset["id"], "extra": {}})

    wait_until(lambda: client.dag_runs("asset_triggered"), "the asset to trigger its DAG", timeout=60)
    (found,) = client.dag_runs("asset_triggered")
    run = DagRunKey("asset_triggered", found["dag_run_id"])
    stage.finish(run)
    assert found["logical_date"] is None
    assert client.xcom(run, "run")["item_count"] == 2
