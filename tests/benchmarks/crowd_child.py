"""Thousands of waiters in one event loop: what they cost while nothing happens, and while their runs end."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Callable, Coroutine, Mapping
from datetime import datetime
from typing import Any

import aiohttp
import psutil

from airflow_provider_apify.models.runs import FINISHED_STATUSES
from airflow_provider_apify.triggers.run import ApifyRunTrigger
from tests.benchmarks.child import CONNECTION_VARIABLE, answer
from tests.benchmarks.crowd_server import RUN_PATH, run_id_of, tell
from tests.benchmarks.machine import resident_mb
from tests.benchmarks.waiting_child import Heartbeat

_IDLE_SECONDS = 2.0
_POLL_SECONDS = 5.0
Watch = Callable[[str], Coroutine[Any, Any, float]]


async def _by_trigger(run_id: str, poll_interval: float | None = None) -> float:
    """Watch with the provider's trigger; return how long after the run's end its event came, in seconds."""
    event = await anext(ApifyRunTrigger(run_id=run_id, poll_interval=poll_interval).run())
    return time.time() - datetime.fromisoformat(event.payload["run"]["finishedAt"]).timestamp()


async def _by_interval(run_id: str) -> float:
    return await _by_trigger(run_id, _POLL_SECONDS)


async def _naively(run_id: str) -> float:
    """Watch as triggers of other services often do: a session for each, and a look every few seconds."""
    connection = json.loads(os.environ[CONNECTION_VARIABLE])
    url, headers = f"{connection['host']}{RUN_PATH}/{run_id}", {"Authorization": f"Bearer {connection['password']}"}
    async with aiohttp.ClientSession(headers=headers, timeout=aiohttp.ClientTimeout(total=None)) as session:
        while True:
            async with session.get(url) as response:
                run = (await response.json())["data"]
            if run["status"] in FINISHED_STATUSES:
                return time.time() - datetime.fromisoformat(run["finishedAt"]).timestamp()
            await asyncio.sleep(_POLL_SECONDS)


WAYS: Mapping[str, Watch] = {"together": _by_trigger, "interval": _by_interval, "naive": _naively}


def _tell(path: str) -> dict[str, int]:
    """Tell the server something; return what it was asked so far."""
    return tell(json.loads(os.environ[CONNECTION_VARIABLE])["host"], path)


class _Meter:
    """What the process has used since some moment, without the heartbeat."""

    def __init__(self, idle_share: float) -> None:
        self._idle_share = idle_share
        self._cpu, self._at = time.process_time(), time.time()

    def seconds(self) -> tuple[float, float]:
        """Return seconds of CPU, and seconds."""
        took = time.time() - self._at
        return time.process_time() - self._cpu - self._idle_share * took, took


async def _largest(until: asyncio.Future[Any], largest: dict[str, float]) -> None:
    """Note the largest memory and the most files until something is done."""
    process = psutil.Process()
    while not until.done():
        memory, files = await asyncio.to_thread(lambda: (resident_mb(), process.num_fds()))
        largest["memory_mb"], largest["files"] = max(largest["memory_mb"], memory), max(largest["files"], files)
        await asyncio.wait([until], timeout=1.0)


async def _begun(watching: Coroutine[Any, Any, float]) -> asyncio.Task[float]:
    """Begin one, and let the loop go on, as Airflow's triggerer does after each trigger."""
    task = asyncio.create_task(watching)
    await asyncio.sleep(0)
    return task


async def _measure(plan: dict[str, Any]) -> dict[str, Any]:
    heartbeat = Heartbeat()
    beating = asyncio.create_task(heartbeat.beat())
    meter = _Meter(0.0)
    await asyncio.sleep(_IDLE_SECONDS)
    idle, took = meter.seconds()
    idle_share, before = idle / took, resident_mb()

    meter, arrived_at = _Meter(idle_share), time.time()
    watch = WAYS[plan["way"]]
    watchers = asyncio.gather(*[await _begun(watch(run_id_of(number))) for number in range(plan["count"])])
    largest = {"memory_mb": 0.0, "files": 0.0}
    sampling = asyncio.create_task(_largest(watchers, largest))
    await asyncio.sleep(plan["arrival"])
    arrival_cpu, _ = meter.seconds()

    counts, meter, watched_at = await asyncio.to_thread(_tell, "/counts"), _Meter(idle_share), time.time()
    await asyncio.sleep(plan["calm"])
    calm_cpu, calm_took = meter.seconds()
    later = await asyncio.to_thread(_tell, "/counts")

    meter = _Meter(idle_share)
    await asyncio.to_thread(_tell, "/begin")
    latencies = await watchers
    ends_cpu, ends_took = meter.seconds()
    at_last = await asyncio.to_thread(_tell, "/stop")
    await sampling
    beating.cancel()
    return {
        "arrival_cpu": arrival_cpu,
        "calm_cpu_per_minute": 60 * calm_cpu / calm_took,
        "calm_requests_per_minute": 60 * (sum(later.values()) - sum(counts.values())) / calm_took,
        "ends_cpu": ends_cpu,
        "ends_seconds": ends_took,
        "ends_requests": sum(at_last.values()) - sum(later.values()),
        "latencies": latencies,
        "blocks": [heartbeat.worst(arrived_at, watched_at), heartbeat.worst(watched_at, time.time())],
        "memory_growth_mb": largest["memory_mb"] - before,
        **largest,
    }


if __name__ == "__main__":
    answer(lambda plan: asyncio.run(_measure(plan)))
