"""What OpenLineage's own provider writes of a DAG that runs; in a process of its own, as it begins with Airflow."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from local_apify import LocalApify
from tools.environment import clean_environment
from tools.versions import ROOT

pytest.importorskip("airflow.providers.openlineage", reason="the extra openlineage is not installed")

Events = Mapping[tuple[str, str], Any]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lineage")


@pytest.fixture(scope="module")
def events(folder: Path) -> Events:
    """Return the last event of each type and task."""
    file, home = folder / "events.jsonl", folder / "home"
    home.mkdir()  # older Airflows do not
    with LocalApify() as apify:
        connection = {
            "conn_type": "apify",
            "host": apify.base_url,
            "password": apify.token,
            "extra": {"cost_settle_seconds": 0, "start_settle_seconds": 0.5},
        }
        environment = clean_environment(
            AIRFLOW_HOME=str(home),
            AIRFLOW__CORE__LOAD_EXAMPLES="False",
            AIRFLOW__OPENLINEAGE__TRANSPORT=json.dumps({"type": "file", "log_file_path": str(file), "append": True}),
            AIRFLOW_CONN_APIFY_DEFAULT=json.dumps(connection),
            SHOP=f"{apify.base_url}/shop/",
        )
        command = [sys.executable, "-m", "tests._airflow.lineage_child", str(folder)]
        done = subprocess.run(  # noqa: S603 - our own
            command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=240, check=False
        )
    assert file.exists(), done.stdout + done.stderr
    text = file.read_text(encoding="utf-8")
    assert apify.token not in text
    assert "secret" not in text
    told = [json.loads(line) for line in text.splitlines()]
    return {(event["eventType"], event["job"]["name"].partition(".")[2]): event for event in told}


def names(data: list[Any]) -> list[str]:
    return [each["name"] for each in data]


def run_of(event: Any) -> Any:
    return event["run"]["facets"]["apify_run"]


def columns(data: Any) -> list[str]:
    return [field["name"] for field in data["facets"]["schema"]["fields"]]


@pytest.mark.timeout(300)
def test_a_run_is_told_when_it_begins(events: Events) -> None:
    start = events["START", "crawl"]
    assert names(start["inputs"]) == ["/shop/"]
    assert run_of(start)["actor"] == "apify/website-content-crawler"


def test_a_deferred_run_is_told_with_its_pages_its_dataset_and_its_cost(events: Events) -> None:
    complete = events["COMPLETE", "crawl"]
    (dataset,), told = complete["outputs"], run_of(complete)

    assert names(complete["inputs"]) == ["/shop/"]
    assert (dataset["namespace"], dataset["name"]) == ("apify://api.apify.com", f"dataset/{told['datasetId']}")
    assert dataset["outputFacets"]["outputStatistics"]["rowCount"] == 3
    assert {"url", "text"} <= set(columns(dataset))
    assert (told["status"], told["buildNumber"]) == ("SUCCEEDED", "0.1.1")
    assert told["usageTotalUsd"] > 0
    assert complete["run"]["facets"]["externalQuery"]["externalQueryId"] == told["runId"]


def test_the_input_that_a_function_returns_is_read_as_well(events: Events) -> None:
    complete = events["COMPLETE", "made"]
    assert names(complete["inputs"]) == ["/shop/"]
    assert complete["outputs"][0]["outputFacets"]["outputStatistics"]["rowCount"] == 2


def test_a_dataset_goes_on_to_a_file(events: Events, folder: Path) -> None:
    complete = events["COMPLETE", "csv"]
    (file,) = complete["outputs"]

    assert names(complete["inputs"]) == names(events["COMPLETE", "crawl"]["outputs"])
    assert (file["namespace"], file["name"]) == ("file", f"{folder}/pages.csv")
    assert columns(file) == ["url", "text"]
    statistics = file["outputFacets"]["outputStatistics"]
    assert (statistics["rowCount"], statistics["size"]) == (3, (folder / "pages.csv").stat().st_size)


def test_records_go_on_to_a_folder_and_the_log_to_a_file(events: Events, folder: Path) -> None:
    records, run_log = events["COMPLETE", "records"], events["COMPLETE", "log"]
    assert names(records["inputs"])[0].startswith("key-value-store/")
    assert names(records["outputs"]) == [f"{folder}/records"]
    assert names(run_log["inputs"]) == [f"log/{run_of(events['COMPLETE', 'crawl'])['runId']}"]
    assert names(run_log["outputs"]) == [f"{folder}/run.log"]


def test_a_file_goes_on_to_a_dataset(events: Events) -> None:
    complete = events["COMPLETE", "push"]
    assert names(complete["inputs"]) == names(events["COMPLETE", "jsonl"]["outputs"])
    assert names(complete["outputs"])[0].startswith("dataset/")
    assert complete["outputs"][0]["outputFacets"]["outputStatistics"]["rowCount"] == 3


def test_a_run_that_fails_is_told_with_what_it_has_cost(events: Events) -> None:
    told = run_of(events["FAIL", "broken"])
    assert (told["actor"], told["status"]) == ("apify/scenario", "FAILED")
    assert told["usageTotalUsd"] > 0
    assert names(events["FAIL", "broken"]["outputs"]) == [f"dataset/{told['datasetId']}"]
