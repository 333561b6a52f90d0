"""The local Apify in a process of its own, and what the benchmarks want of it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import requests

from local_apify import Ledger
from local_apify.control import Control
from tests.benchmarks.child import SERVER_CORE
from tests.benchmarks.machine import keep_to_core
from tools.lab import ApifyServer
from tools.lab.apify import start_local_apify, wait_for_announcement
from tools.lab.component import stop_together

RUN_SECONDS = 60.0
GET_RUN = "GET /v2/actor-runs/{runId}"


@contextlib.contextmanager
def local_apify(folder: Path, name: str = "apify") -> Iterator[ApifyServer]:
    """Serve on the servers' core for as long as the block runs."""
    component = start_local_apify(folder / f"{name}.log")
    keep_to_core(component.pid, SERVER_CORE)
    try:
        yield wait_for_announcement(component)
    finally:
        stop_together([component])


def start_runs(apify: ApifyServer, inputs: list[dict[str, object]]) -> list[dict[str, str]]:
    """Start the scenario Actor once for each input, over one connection."""
    url = f"{apify.base_url}/v2/actors/apify~scenario/runs"
    with _session(apify) as session:
        return [session.post(url, json=each, timeout=RUN_SECONDS).json()["data"] for each in inputs]


def end_runs(apify: ApifyServer, run_ids: list[str], after: list[float]) -> None:
    """Abort each run at its time, counted in seconds from now; return when the last one is told."""
    began = time.monotonic()
    with _session(apify) as session:
        for seconds, run_id in sorted(zip(after, run_ids, strict=True)):
            time.sleep(max(0.0, began + seconds - time.monotonic()))
            session.post(f"{apify.base_url}/v2/actor-runs/{run_id}/abort", timeout=RUN_SECONDS).raise_for_status()


def _session(apify: ApifyServer) -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    session.headers["Authorization"] = f"Bearer {apify.token}"
    return session


def ledger(apify: ApifyServer) -> Ledger:
    """Return the server's own record."""
    return Control(apify.base_url).ledger(slim=True)
