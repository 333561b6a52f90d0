"""Thousands of runs watched in one event loop, in the provider's way and in two others."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import requests

from tests.benchmarks.child import CONNECTION_VARIABLE, SERVER_CORE, Child
from tests.benchmarks.crowd_server import tell
from tests.benchmarks.local import local_apify, start_runs
from tests.benchmarks.picture import Bar
from tests.benchmarks.report import Section, number, say
from tests.benchmarks.waiting import describe_latencies
from tools.environment import free_port

_EXTRA_SECONDS = 300.0
WAYS = {
    "together": "`ApifyRunTrigger`",
    "interval": "`ApifyRunTrigger`, `poll_interval=5`",
    "naive": "a session and a loop for each, every 5 s",
}
_NOTES = """\
While all wait: no run ends. Then all end, at random within the time named above; the CPU of that has the event of each.
Until the event: the event's time minus the run's `finishedAt`.
CPU is net of the 10 ms heartbeat that finds the blocks. A block is what the loop's thread worked between two beats.
All waiters arrive one after the other, without a pause; the first blocks have the import of aiohttp.
The server knows two operations only, and answers as the local Apify, compressed.""".splitlines()


@dataclass(frozen=True)
class Plan:
    """What happens to all.

    :param arrival: seconds for the first requests.
    :param calm: seconds in which no run ends.
    :param ending: seconds in which all end, evenly spread by chance.
    """

    counts: Sequence[int]
    arrival: float
    calm: float
    ending: float


def measure(folder: Path, plan: Plan) -> Section:
    """Watch each number of runs in each way, one after the other."""
    section = Section(
        "Waiting: thousands of runs in one event loop",
        f"All waiters in one asyncio process on one core, the server on another. {plan.arrival:.0f} s to arrive, "
        f"{plan.calm:.0f} s in which no run ends, then all end within {plan.ending:.0f} s.",
        [
            "runs and way",
            "CPU s a minute, while all wait",
            "requests a minute, while all wait",
            "CPU s while all end",
            "requests while all end",
            "until the event, p50 / p99 / max",
            "longest loop block, ms of CPU, arrival / later",
            "memory, MiB (grown by)",
            "files",
        ],
        picture="CPU while all wait, in times of the provider's trigger",
        ours="ApifyRunTrigger",
    )
    run, item = samples(folder)
    for count in plan.counts:
        base = None
        for way, words in WAYS.items():
            result = _watch(folder, {"way": way, "count": count, "run": run, "item": item}, plan)
            say(f"{count} {way}: {_row(words, count, result)}")
            section.rows.append(_row(words, count, result))
            base = base or result["calm_cpu_per_minute"]
            section.bars.append(Bar(f"{count:,} runs", words, result["calm_cpu_per_minute"] / base))
    section.notes += _NOTES
    return section


def samples(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a run that goes on as the local Apify shows it, and as it lists it."""
    with local_apify(folder, "crowd-apify") as apify, requests.Session() as session:
        session.trust_env = False
        session.headers["Authorization"] = f"Bearer {apify.token}"
        run_id = start_runs(apify, [{"durationSecs": 60}])[0]["id"]
        url = f"{apify.base_url}/v2/actor-runs"
        run = session.get(f"{url}/{run_id}", timeout=60).json()["data"]
        return run, session.get(url, timeout=60).json()["data"]["items"][0]


class Server:
    """A server of so many runs, in a process of its own.

    :ivar connection: the Airflow connection to it, as an environment variable holds it.
    """

    def __init__(self, folder: Path, name: str, what: Mapping[str, Any], plan: Plan) -> None:
        port = free_port()
        self._host = f"http://127.0.0.1:{port}"
        self.connection = json.dumps({"conn_type": "apify", "host": self._host, "password": "crowd"})
        arguments = {**what, "port": port, "ending": plan.ending}
        self._child = Child(folder, f"{name}-server", "tests.benchmarks.crowd_server", arguments, core=SERVER_CORE)
        _wait_for(port)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._child.kill()

    def tell(self, path: str) -> dict[str, int]:
        """Tell it something; return what it was asked so far."""
        return tell(self._host, path)

    def ends(self) -> dict[str, str]:
        """Return when each run ended, once it has been stopped."""
        ends: dict[str, str] = self._child.result(_EXTRA_SECONDS)
        return ends


def _watch(folder: Path, what: dict[str, Any], plan: Plan) -> dict[str, Any]:
    """Let one process watch the runs of a server of its own."""
    name = f"crowd-{what['count']}-{what['way']}"
    with Server(folder, name, what, plan) as server:
        client = Child(
            folder,
            name,
            "tests.benchmarks.crowd_child",
            {"way": what["way"], "count": what["count"], "arrival": plan.arrival, "calm": plan.calm},
            variables={CONNECTION_VARIABLE: server.connection},
        )
        result: dict[str, Any] = client.result(plan.arrival + plan.calm + plan.ending + _EXTRA_SECONDS)
        server.ends()
    return result


def _wait_for(port: int) -> None:
    until = time.monotonic() + _EXTRA_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
        else:
            return


def _row(words: str, count: int, result: dict[str, Any]) -> list[str]:
    return [
        f"{count:,}: {words}",
        number(result["calm_cpu_per_minute"]),
        number(result["calm_requests_per_minute"]),
        f"{number(result['ends_cpu'])} in {number(result['ends_seconds'])} s",
        number(result["ends_requests"]),
        describe_latencies(result["latencies"]),
        " / ".join(number(1000 * block) for block in result["blocks"]),
        f"{number(result['memory_mb'])} ({number(result['memory_growth_mb'])})",
        number(result["files"]),
    ]
