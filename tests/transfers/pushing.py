"""Files that are pushed, and what the tests of it look at."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.transfers.file_to_dataset import FileToDatasetOperator
from local_apify import LocalApify

ITEMS = [{"id": number, "name": f"Žluť {number}"} for number in range(20)]
# Two of them make a piece.
LARGE = [{"id": number, "text": "x" * 2_000_000} for number in range(6)]
PIECES = 3
PUSH = "POST /v2/datasets/{datasetId}/items"
PUSHES: dict[str, Any] = {"method": "POST", "path": "/v2/datasets/*/items"}


def push(**arguments: Any) -> FileToDatasetOperator:
    """Make the task of most tests."""
    defaults: dict[str, Any] = {"task_id": "task", "retry_delay": timedelta(0)}
    return FileToDatasetOperator(**(defaults | arguments))


def stored(tmp_path: Path, items: list[Any], name: str = "items.jsonl") -> str:
    """Store items as JSON Lines, and return the path."""
    (tmp_path / name).write_text("".join(f"{json.dumps(item)}\n" for item in items))
    return str(tmp_path / name)


def items_of(dataset_id: str) -> list[Any]:
    return list(ApifyHook().iterate_items(dataset_id))


def pushes(apify: LocalApify) -> int:
    return apify.control.ledger().requests.get(PUSH, 0)
