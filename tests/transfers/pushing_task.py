"""A task that pushes a file, as a worker runs it: to be killed, and tried again."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pendulum

from airflow_provider_apify._airflow.state_store import STORE
from airflow_provider_apify.transfers.file_to_dataset import FileToDatasetOperator


class Store:
    """What Airflow 3.3 keeps for a task instance, in a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def get(self, key: str, default: Any = None) -> Any:
        return json.loads(self._path.read_text()).get(key, default) if self._path.exists() else default

    def set(self, key: str, value: Any) -> None:
        self._path.write_text(json.dumps({key: value}))


def context_of(operator: FileToDatasetOperator, store: Store | None, *, attempt: int, max_tries: int = 1) -> Any:
    """Return what the task is given of Airflow's context; it may be tried twice."""
    operator.retries = 1
    context = {
        "ti": SimpleNamespace(try_number=attempt, max_tries=max_tries),
        "task": operator,
        "dag_run": SimpleNamespace(start_date=pendulum.now("UTC")),
    }
    return context | ({STORE: store} if store else {})


if __name__ == "__main__":
    path, dataset_id, store = sys.argv[1:]
    pushing = FileToDatasetOperator(task_id="task", path=path, dataset_id=dataset_id)
    pushing.execute(context_of(pushing, Store(Path(store)), attempt=1))
