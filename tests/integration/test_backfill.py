from __future__ import annotations

import json
from pathlib import Path

from local_apify.actors.scenario import scenario_item
from tests.integration.stage import Stage, json_lines
from tools.lab import DagRunKey, wait_until

DAYS = ("2026-03-01", "2026-03-02", "2026-03-03")


def test_a_backfill_of_three_days_writes_three_files_and_may_be_repeated(stage: Stage, tmp_path: Path) -> None:
    expected = {f"day={day}/items.jsonl": json_lines([scenario_item(index) for index in range(3)]) for day in DAYS}
    started_before = stage.apify.ledger().runs_started

    backfill(stage, tmp_path)
    first = files(tmp_path)
    started_by_first = stage.apify.ledger().runs_started - started_before
    backfill(stage, tmp_path, "--reprocess-behavior", "completed")

    assert first == files(tmp_path) == expected
    assert started_by_first == len(DAYS)
    assert stage.apify.ledger().runs_started - started_before == 2 * len(DAYS)
    assert stage.apify.ledger().runs_going == 0


def backfill(stage: Stage, folder: Path, *options: str) -> None:
    """Run the DAG ``daily`` for three days with Airflow's own command, and wait for the end of it."""
    client = stage.lab.client
    client.unpause("daily")
    wait_until(lambda: not active_backfills(stage), "the backfill before this one to be complete", timeout=90)
    days = ["--from-date", DAYS[0], "--to-date", DAYS[-1]]
    conf = ["--dag-run-conf", json.dumps({"folder": str(folder)})]
    stage.lab.cli("backfill", "create", "--dag-id", "daily", *days, *conf, *options)
    for run in client.dag_runs("daily"):
        stage.finish(DagRunKey("daily", run["dag_run_id"]))


def active_backfills(stage: Stage) -> list[int]:
    """List the backfills Airflow takes to be going on. It allows a DAG one, and looks every half minute."""
    answer = stage.lab.client.call("GET", "/backfills", params={"dag_id": "daily"})
    return [backfill["id"] for backfill in answer["backfills"] if not backfill["completed_at"]]


def files(folder: Path) -> dict[str, bytes]:
    """Return the content of every file below a folder, by its path in there."""
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
