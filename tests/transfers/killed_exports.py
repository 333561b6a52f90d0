"""Split exports of many datasets whose processes are killed again and again, as the kernel does.

``python -m tests.transfers.killed_exports FOLDER SEED ROUNDS DATASET ...``: each round is one task, whose attempts run
in processes of their own and share what Airflow 3.3 keeps of a task. A line of JSON a round says how it went.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from airflow_provider_apify._airflow.state_store import STORE
from airflow_provider_apify.transfers.dataset_to_file import DatasetToFileOperator

MOST_KILLS = 12
ITEMS_PER_FILE = 7


class Store:
    """Airflow's state store of one task instance, on a disk that outlives its processes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, key: str, default: Any = None) -> Any:
        file = self._folder / key
        return json.loads(file.read_bytes()) if file.exists() else default

    def set(self, key: str, value: Any) -> None:
        beside = self._folder / f".{key}"
        beside.write_text(json.dumps(value))
        beside.replace(self._folder / key)


def attempt(folder: Path, datasets: Sequence[str]) -> dict[str, Any]:
    """Let the operator do its work, and return its manifest."""
    task = DatasetToFileOperator(
        task_id="task",
        dataset_id=list(datasets),
        path=str(folder / "files" / "{part}.jsonl"),
        items_per_file=ITEMS_PER_FILE,
    )
    context: Any = {"task": task, "ti": SimpleNamespace(max_tries=99), STORE: Store(folder)}
    told: dict[str, Any] = task.execute(context)
    return told


def played(folder: Path, datasets: Sequence[str], chance: random.Random) -> int:
    """Play attempts until one comes to its end; return how many were killed."""
    longest = None
    for kills in range(MOST_KILLS + 1):
        process = os.fork()
        if not process:
            _work(folder, datasets)
        began = time.monotonic()
        fate = None if kills == MOST_KILLS else _killed_after(process, chance.uniform(0, longest or 1.0))
        _, status = os.waitpid(process, 0)
        longest = max(longest or 0.0, time.monotonic() - began)
        if fate is not None:
            fate.cancel()
        if not os.WIFSIGNALED(status):
            assert os.waitstatus_to_exitcode(status) == 0, (folder / "error").read_text()
            return kills
    raise AssertionError("The last attempt was killed by somebody else.")


def _killed_after(process: int, seconds: float) -> threading.Timer:
    def kill() -> None:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)

    timer = threading.Timer(seconds, kill)
    timer.start()
    return timer


def _work(folder: Path, datasets: Sequence[str]) -> None:
    """Be an attempt, and end this process."""
    code = 1
    try:
        manifest = attempt(folder, datasets)
        (folder / "manifest").write_text(json.dumps(manifest))
        code = 0
    except BaseException as error:  # noqa: BLE001 - it is told where the parent reads it
        (folder / "error").write_text(repr(error))
    finally:
        os._exit(code)


def main() -> None:
    """Play the rounds of the command line."""
    place, seed, rounds, *datasets = sys.argv[1:]
    chance = random.Random(int(seed))
    for number in range(int(rounds)):
        folder = Path(place) / str(number)
        folder.mkdir()
        kills = played(folder, datasets, chance)
        sys.stdout.write(f"ROUND {json.dumps({'folder': str(folder), 'kills': kills})}\n")


if __name__ == "__main__":
    main()
