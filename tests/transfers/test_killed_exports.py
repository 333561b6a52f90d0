from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from airflow_provider_apify.hooks.apify import ApifyHook
from local_apify import LocalApify
from tests.transfers.killed_exports import ITEMS_PER_FILE
from tools.versions import ROOT

ROUNDS = 4
DATASETS = 40


def test_a_split_export_of_many_datasets_has_every_item_once_however_often_its_process_is_killed(
    apify: LocalApify, tmp_path: Path
) -> None:
    hook = ApifyHook()
    items = [[{"dataset": number, "id": item} for item in range(number % 9)] for number in range(DATASETS)]
    datasets = [hook.create_dataset(f"prices-{number}").id for number in range(DATASETS)]
    for dataset, pushed in zip(datasets, items, strict=True):
        if pushed:
            hook.push_items(dataset, pushed)
    command = [sys.executable, "-m", "tests.transfers.killed_exports", str(tmp_path), "1", str(ROUNDS), *datasets]

    done = subprocess.run(command, cwd=ROOT, env=dict(os.environ), capture_output=True, text=True, check=False)  # noqa: S603 - ours

    assert done.returncode == 0, done.stderr
    rounds = [json.loads(line[6:]) for line in done.stdout.splitlines() if line.startswith("ROUND ")]
    assert len(rounds) == ROUNDS
    assert sum(each["kills"] for each in rounds) >= ROUNDS
    for each in rounds:
        folder = Path(each["folder"])
        manifest = json.loads((folder / "manifest").read_text())
        files = sorted((folder / "files").iterdir(), key=lambda file: int(file.stem))
        lines = [json.loads(line) for file in files for line in file.read_bytes().splitlines()]
        assert lines == [item for pushed in items for item in pushed]
        assert [file["path"].rpartition("/")[2] for file in manifest["files"]] == [file.name for file in files]
        assert [found["items"] for found in manifest["datasets"]] == [len(pushed) for pushed in items]
        assert {file["items"] for file in manifest["files"][:-1]} == {ITEMS_PER_FILE}
    assert apify.control.ledger().runs_started == 0
