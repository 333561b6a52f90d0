"""How many attempts Airflow loses of tasks that are deferred for seconds only, on a machine that is busy.

When a trigger fires before the scheduler has taken note of its worker's exit, and the task is queued again already,
the scheduler takes the exit for that of a lost worker, and fails the attempt (Airflow before 3.4).

``python -m tests.chaos.deferrals [DEFERRALS] [--busy N] [--package-root FOLDER]`` prints a table.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from local_apify import Control
from tools.lab import AirflowLab, DagRunKey
from tools.versions import ROOT

DEFERRALS = 300
DAG_ID = "deferrals"
MOST_SECONDS = 3600
AIRFLOW_DEFAULTS = {
    # Of what a worker's exit waits for; the lab's own interval is 1 second, because of what is measured here.
    "workers": {"min_heartbeat_interval": "5"},
    "scheduler": {"scheduler_idle_sleep_time": "1"},
    "core": {"parallelism": "16"},
}
_BUSY = f"import time\nend = time.monotonic() + {MOST_SECONDS}\nwhile time.monotonic() < end: pass"
_RACE = re.compile(r"state attribute is (\w+)")


@contextmanager
def busy_machine(processes: int) -> Iterator[None]:
    """Keep the machine busy with so many processes; they end with the block, and by themselves."""
    working = [subprocess.Popen([sys.executable, "-c", _BUSY]) for _ in range(processes)]  # noqa: S603 - the line above
    try:
        yield
    finally:
        for process in working:
            process.kill()
            process.wait()


def measure(folder: Path, package_root: Path, *, count: int, busy: int, settle: float) -> dict[str, Any]:
    """Defer so many tasks, and return what became of them.

    :param folder: for Airflow's home.
    :param package_root: the folder that has the package to be measured.
    :param busy: processes that keep the machine busy.
    :param settle: ``cost_settle_seconds`` of the tasks: so much later than its run ends does a task resume.
    """
    variables = {"DEFERRALS": str(count), "SETTLE_SECONDS": str(settle), "PYTHONPATH": str(package_root)}
    dags = [ROOT / "tests/chaos/dags_of_deferrals"]
    with AirflowLab(folder, dags, is_busy=True, config=AIRFLOW_DEFAULTS, variables=lambda _apify: variables) as lab:
        lab.client.unpause(DAG_ID)
        with busy_machine(busy):
            began = time.monotonic()
            run = lab.client.trigger(DAG_ID)
            ends = lab.client.wait_for_run(run, timeout=MOST_SECONDS)
            seconds = round(time.monotonic() - began)
        return {"ends": ends, **_counted(lab, run), "seconds": seconds}


def _counted(lab: AirflowLab, run: DagRunKey) -> dict[str, Any]:
    """Return how the tasks have ended, and what Airflow says that it has lost."""
    tasks = lab.client.task_instances(run)
    losses = lab.client.entries("/eventLogs", "event_logs", dag_id=DAG_ID, event="state mismatch")
    seen = Counter(found[1] for event in losses if (found := _RACE.search(event["extra"] or "")))
    silent = lab.client.count("/eventLogs", dag_id=DAG_ID, event="heartbeat timeout")
    runs = Control(lab.apify.base_url).ledger(slim=True).runs
    return {
        "deferrals": len(tasks),
        "attempts": sum(task.try_number for task in tasks),
        "tasks failed for good": sum(task.state != "success" for task in tasks),
        "attempts lost to the race": seen.total(),
        "...of tasks that were": ", ".join(f"{state} {number}" for state, number in seen.items()) or "-",
        "attempts lost otherwise": len(losses) - seen.total() + silent,
        "runs at Apify": len(runs),
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("deferrals", nargs="?", type=int, default=DEFERRALS)
    parser.add_argument("--busy", type=int, default=os.cpu_count(), help="processes that keep the machine busy")
    parser.add_argument("--settle", type=float, default=0.0, help="cost_settle_seconds of the tasks")
    parser.add_argument("--package-root", type=Path, default=ROOT, help="the checkout whose package is measured")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="apify-deferrals-") as folder:
        figures = measure(
            Path(folder),
            chosen.package_root.absolute(),
            count=chosen.deferrals,
            busy=chosen.busy,
            settle=chosen.settle,
        )
    sys.stdout.write("| | |\n|---|---:|\n")
    sys.stdout.writelines(f"| {name} | {value} |\n" for name, value in figures.items())


if __name__ == "__main__":
    main()
