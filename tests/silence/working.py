"""Exports and pushes in a process of its own, by what any release of the package offers: one job, one outcome a line.

``PYTHONPATH=CHECKOUT python tests/silence/working.py BASE_URL MARK`` works with the package of that checkout; each
outcome stands behind the mark, because Airflow writes, too.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

_sleep = time.sleep
# Outages and lags are counted in requests here: nothing is gained by waiting for them.
time.sleep = lambda seconds: _sleep(min(float(seconds), 0.001))
os.environ.setdefault("AIRFLOW__CORE__UNIT_TEST_MODE", "True")
os.environ["AIRFLOW_CONN_APIFY_DEFAULT"] = json.dumps(
    {
        "conn_type": "apify",
        "host": sys.argv[1],
        "password": "apify_api_local",
        "extra": {"cost_settle_seconds": 0, "start_settle_seconds": 0.1},
    }
)

from airflow_provider_apify.hooks.apify import ApifyHook  # noqa: E402
from airflow_provider_apify.transfers.dataset_to_file import DatasetToFileOperator  # noqa: E402
from airflow_provider_apify.transfers.file_to_dataset import FileToDatasetOperator  # noqa: E402

_numbers = itertools.count()
_RetryPolicy = type(ApifyHook().retry)  # its home differs


def export(job: dict[str, Any]) -> dict[str, Any]:
    """Do a job, and return what the task tells."""
    hook = _hook()
    if job["way"] == "iterate":
        lines = [json.dumps(item) + "\n" for item in hook.iterate_items(job["dataset"], **job["query"])]
        Path(job["path"]).write_text("".join(lines))
        return {"items": len(lines)}
    split = {"items_per_file": job["items_per_file"]} if job["way"] == "split" else {}
    return _execute(DatasetToFileOperator, hook, path=job["path"], dataset_id=job["dataset"], **split, **job["query"])


def push(job: dict[str, Any]) -> dict[str, Any]:
    """Do a job, and return what the task tells."""
    hook = _hook()
    if job["way"] == "items":
        return {"items": hook.push_items(job["dataset"], job["items"])}
    return _execute(FileToDatasetOperator, hook, path=job["path"], dataset_id=job["dataset"], push_mode=job["way"])


def _hook() -> ApifyHook:
    return ApifyHook(retry=_RetryPolicy(attempts=6, first_delay=0.0005, max_delay=0.001))


def _execute(operator: Any, hook: ApifyHook, **arguments: Any) -> dict[str, Any]:
    """Let an operator do its work in a first attempt, on an Airflow that remembers nothing."""
    task = operator(task_id=f"task_{next(_numbers)}", **arguments)
    task.__dict__["hook"] = hook
    began = datetime.now(UTC)
    ti = SimpleNamespace(dag_id="dag", task_id="task", run_id="run", map_index=-1, max_tries=0, try_number=1)
    context: Any = {"task": task, "ti": ti, "dag_run": SimpleNamespace(start_date=began)}
    told: dict[str, Any] = task.execute(context)
    return told


WORK: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {"export": export, "push": push}


def outcome(job: dict[str, Any]) -> dict[str, Any]:
    """Do a job, and say how it went."""
    about = {"dataset": job["dataset"]}
    try:
        told = WORK[job["do"]](job)
        return {**about, "items": told["items"], "counts": [each["items"] for each in told.get("datasets", ())]}
    except Exception as error:  # noqa: BLE001 - whatever it is, the task has failed, and says so
        return {**about, "error": f"{type(error).__name__}: {error}"}


def main() -> None:
    """Do the jobs of the standard input."""
    for line in sys.stdin:
        print(f"\n{sys.argv[2]}{json.dumps(outcome(json.loads(line)))}", flush=True)  # noqa: T201 - the outcome is for the parent


if __name__ == "__main__":
    main()
