"""Put a fleet under load while its parts are killed, count what is left, and write it into docs/fleet.md.

``python -m tests.fleet.run [--runs N] [--compose]``
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from tests.benchmarks.report import replace_figures
from tests.fleet.blows import BLOWS, strike
from tests.fleet.containers import compose_fleet
from tests.fleet.load import Load, Size
from tests.fleet.processes import process_fleet
from tests.fleet.report import PAGE, Figures
from tests.fleet.topology import Fleet
from tests.fleet.verdict import judge
from tools.keeper import exit_on_signals

tell = partial(print, flush=True)
STEP_SECONDS = 1800.0
"""How long each condition may take to come."""
END_SECONDS = 3600.0
"""How long all may take after the last blow."""


def carry(fleet: Fleet, size: Size) -> Figures:
    """Put the load on the fleet, strike, wait for the end, and count."""
    began = time.monotonic()
    load = Load(fleet, size)

    def note(words: str) -> None:
        tell(f"{time.monotonic() - began:6.0f} s  {words}: {load.progress()}")

    struck = [strike(load, blow, timeout=STEP_SECONDS, tell=note) for blow in BLOWS]
    load.wait(END_SECONDS)
    seconds = time.monotonic() - began
    return Figures(
        verdict=judge(load.left()),
        struck=struck,
        attempts=load.attempts(),
        lost=load.lost(),
        requeued=load.requeued(),
        seconds=seconds,
        restarted=fleet.restarted(),
        machine=fleet.machine,
        day=datetime.now(UTC).date(),
    )


def main() -> int:
    """Return 1 where anything is not as it should be; only a run at full size is written into the documentation."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=Size().runs, help="mapped runs in all (default: %(default)s)")
    parser.add_argument("--compose", action="store_true", help="in containers, as docker-compose.yaml starts them")
    parser.add_argument("--keep", type=Path, help="a folder for all that is written, which stays; by default none does")
    chosen = parser.parse_args()
    size = Size(runs=chosen.runs)
    if chosen.runs < size.dag_runs or chosen.runs % size.dag_runs:
        parser.error(f"the runs are spread over {size.dag_runs} DAG runs: give a multiple of {size.dag_runs}")
    exit_on_signals()
    start = compose_fleet if chosen.compose else process_fleet
    with tempfile.TemporaryDirectory(prefix="fleet-") as temporary:
        folder = chosen.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        with start(folder) as fleet:
            figures = carry(fleet, size)
    tell(f"\n{figures.to_markdown()}")
    if size == Size():
        replace_figures(PAGE, fleet.name, figures.to_markdown())
    faults = list(figures.faults())
    tell("\n".join(faults) or "Every run was billed once, and every file is whole.")
    return 1 if faults else os.EX_OK


if __name__ == "__main__":
    sys.exit(main())
