"""The README's DAG on a real Airflow, started in each way in which Airflow starts one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from local_apify import expected_crawl
from tests.integration.stage import Stage, json_lines
from tools.lab import DagRunKey, wait_until


def files_of(stage: Stage, dag_id: str) -> dict[str, bytes]:
    folder: Path = stage.lab.home.folder / "examples" / "readme" / dag_id
    return {file.stem: file.read_bytes() for file in folder.glob("*.jsonl")}


def the_only_run(stage: Stage, dag_id: str, run_type: str) -> DagRunKey:
    """Wait until Airflow has started a run of its own accord."""

    def found() -> str | None:
        runs = [run for run in stage.lab.client.dag_runs(dag_id) if run["run_type"] == run_type]
        return runs[0]["dag_run_id"] if runs else None

    return DagRunKey(dag_id, wait_until(found, f"a run that is {run_type}", timeout=90))


@pytest.fixture
def pages(stage: Stage) -> bytes:
    return json_lines(expected_crawl(stage.lab.apify.base_url, max_pages=50))


def test_it_runs_by_schedule_by_hand_and_in_a_backfill(stage: Stage, pages: bytes) -> None:
    by_hand = stage.trigger("products")
    stage.finish(by_hand)
    stage.finish(the_only_run(stage, "products", "scheduled"))
    stage.lab.cli("backfill", "create", "--dag-id", "products", "--from-date", "2026-03-01", "--to-date", "2026-03-01")
    stage.finish(the_only_run(stage, "products", "backfill"))

    files = files_of(stage, "products")
    today = datetime.now(UTC).date()
    assert "2026-03-01" in files
    assert {f"{today}", f"{today - timedelta(days=1)}"} & set(files)
    assert set(files.values()) == {pages}
    (without_a_date,) = (run for run in stage.lab.client.dag_runs("products") if run["run_type"] == "manual")
    assert without_a_date["logical_date"] is None


def test_it_runs_when_an_asset_is_updated(stage: Stage, pages: bytes) -> None:
    client = stage.lab.client
    client.unpause("products_of_an_asset")
    (asset,) = client.call("GET", "/assets", params={"name_pattern": "readme"})["assets"]
    client.call("POST", "/assets/events", json={"asset_id": asset["id"]})
    stage.finish(the_only_run(stage, "products_of_an_asset", "asset_triggered"))

    assert list(files_of(stage, "products_of_an_asset").values()) == [pages]
