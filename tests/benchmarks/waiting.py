"""Hundreds of runs watched in one event loop: what it costs, and how soon the end of a run is seen."""

from __future__ import annotations

import contextlib
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks.child import CONNECTION_VARIABLE, Child, connection_of
from tests.benchmarks.local import GET_RUN, ledger, local_apify
from tests.benchmarks.report import Section, number, quantile

_EXTRA_SECONDS = 240.0
_NOTES = """\
Seen after the end: the event's time minus the run's `finishedAt`, by this machine's clock; a busy machine adds to it.
CPU is net of the 10 ms heartbeat that finds the blocks. A block is what the loop's thread worked between two beats.
All triggers are given to the loop in the same instant; the first seconds have the import of aiohttp and all first \
requests.""".splitlines()
WAYS: dict[str, float | None] = {"long-poll (default)": None, "`poll_interval=5`": 5.0}
COLUMNS = [
    "way",
    "CPU s per run and minute, x long-poll",
    "requests per run and minute",
    "seen after the end, p50 / p99 / max",
    "longest loop block, ms of CPU, first 3 s / later",
    "CPU s in all",
    "memory, MiB (grown by)",
]


@dataclass(frozen=True)
class Crowd:
    """Runs to watch at the same time.

    :param shortest: seconds that a run goes on at least.
    :param longest: and at most; the ends are spread evenly between.
    """

    runs: int
    shortest: float
    longest: float

    def durations(self) -> list[float]:
        """Return how long each run goes on, in seconds; the same every time."""
        chance = random.Random(1)
        return [chance.uniform(self.shortest, self.longest) for _ in range(self.runs)]


def measure(folder: Path, crowd: Crowd) -> Section:
    """Watch the same runs in both ways at the same time, each process with a local Apify of its own."""
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(local_apify(folder, f"apify-{index}")) for index in range(len(WAYS))]
        plans = [{"durations": crowd.durations(), "poll_interval": interval} for interval in WAYS.values()]
        connections = [{CONNECTION_VARIABLE: connection_of(server)} for server in servers]
        children = [
            Child(folder, f"waiting-{index}", "tests.benchmarks.waiting_child", plan, variables=connections[index])
            for index, plan in enumerate(plans)
        ]
        results = [child.result(crowd.longest + _EXTRA_SECONDS) for child in children]
        requests = [ledger(server).requests[GET_RUN] for server in servers]
    section = Section(
        f"Waiting: {crowd.runs} runs in one event loop",
        f"{crowd.runs} `ApifyRunTrigger` of one asyncio process, on one core; the runs end at random between "
        f"{crowd.shortest:.0f} and {crowd.longest:.0f} s. Both ways at the same time, each against a local Apify of "
        "its own, on the other core.",
        COLUMNS,
    )
    base = _per_minute(results[0])
    for way, result, count in zip(WAYS, results, requests, strict=True):
        section.rows.append(_row(way, result, count, base))
    section.notes += _NOTES
    return section


def _per_minute(result: dict[str, Any]) -> float:
    return float(result["cpu_seconds"] / result["run_minutes"])


def _row(way: str, result: dict[str, Any], requests: int, base: float) -> list[str]:
    return [
        way,
        f"{number(_per_minute(result) / base)} ({number(1000 * _per_minute(result))} ms)",
        number(requests / result["run_minutes"]),
        describe_latencies(result["latencies"]),
        " / ".join(number(1000 * block) for block in result["blocks"]),
        number(result["cpu_seconds"]),
        f"{number(result['memory_mb'])} ({number(result['memory_growth_mb'])})",
    ]


def describe_latencies(seconds: list[float]) -> str:
    """Write the median, the 99th percentile and the largest."""
    parts = [quantile(seconds, 0.5), quantile(seconds, 0.99), max(seconds)]
    return " / ".join(f"{number(1000 * part)} ms" if part < 1 else f"{number(part)} s" for part in parts)
