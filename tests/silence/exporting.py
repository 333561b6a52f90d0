"""Exports in a process of its own, by what any release of the package offers: one job a line, one outcome a line.

``PYTHONPATH=CHECKOUT python tests/silence/exporting.py BASE_URL MARK`` exports with the package of that checkout; each
outcome stands behind the mark, because Airflow writes, too.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
import time
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
        "extra": {"cost_settle_seconds": 0},
    }
)

from airflow_provider_apify._api.flows import RetryPolicy  # noqa: E402 - time and the connection come first
from airflow_provider_apify.hooks.apify import ApifyHook  # noqa: E402
from airflow_provider_apify.transfers.dataset_to_file import DatasetToFileOperator  # noqa: E402

_numbers = itertools.count()


def export(job: dict[str, Any]) -> int | None:
    """Do a job, and return how many items the manifest tells."""
    hook = ApifyHook(retry=RetryPolicy(attempts=6, first_delay=0.0005, max_delay=0.001))
    if job["way"] == "iterate":
        lines = [json.dumps(item) + "\n" for item in hook.iterate_items(job["dataset"], **job["query"])]
        Path(job["path"]).write_text("".join(lines))
        return len(lines)
    split = {"items_per_file": job["items_per_file"]} if job["way"] == "split" else {}
    task = DatasetToFileOperator(
        task_id=f"export_{next(_numbers)}", dataset_id=job["dataset"], path=job["path"], **split, **job["query"]
    )
    task.__dict__["hook"] = hook
    context: Any = {"task": task, "ti": SimpleNamespace(max_tries=0)}
    told = task.execute(context)
    items: int | None = told["items"]
    return items


def outcome(job: dict[str, Any]) -> dict[str, Any]:
    """Do a job, and say how it went."""
    try:
        return {"items": export(job)}
    except Exception as error:  # noqa: BLE001 - whatever it is, the task has failed, and says so
        return {"error": f"{type(error).__name__}: {error}"}


def main() -> None:
    """Do the jobs of the standard input."""
    for line in sys.stdin:
        print(f"\n{sys.argv[2]}{json.dumps(outcome(json.loads(line)))}", flush=True)  # noqa: T201 - the outcome is for the parent


if __name__ == "__main__":
    main()
