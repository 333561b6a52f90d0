"""Watch many runs in one event loop, as the triggerer does, and keep account of what it costs."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.options import Target
from airflow_provider_apify.triggers.run import ApifyRunTrigger
from tests.benchmarks.child import answer
from tests.benchmarks.machine import resident_mb

_TICK_SECONDS = 0.01
_IDLE_SECONDS = 5.0
_ARRIVAL_SECONDS = 3.0  # all triggers are given to the loop at once: the worst case


@dataclass
class Heartbeat:
    """A task that wants to wake up every 10 ms, and notes how much the loop's thread worked meanwhile.

    Its lateness would count what other processes took of the core, too.
    """

    worked: list[tuple[float, float]] = field(default_factory=list)

    async def beat(self) -> None:
        """Run until cancelled."""
        while True:
            at, before = time.time(), time.thread_time()
            await asyncio.sleep(_TICK_SECONDS)
            self.worked.append((at, time.thread_time() - before))

    def worst(self, since: float, until: float) -> float:
        """Return for how many seconds of CPU the loop came to nothing else at worst, between two moments."""
        return max((worked for at, worked in self.worked if since <= at < until), default=0.0)


async def _watch(run_id: str, poll_interval: float | None) -> tuple[float, float]:
    """Return when the event came, and how much later than the run's end that was, in seconds."""
    async for event in ApifyRunTrigger(run_id=run_id, poll_interval=poll_interval).run():
        now = time.time()
        run: dict[str, Any] = event.payload["run"]
        return now, now - datetime.fromisoformat(run["finishedAt"]).timestamp()
    raise RuntimeError(f"No event for run {run_id}")


async def _measure(arguments: dict[str, Any]) -> dict[str, Any]:
    heartbeat = Heartbeat()
    beating = asyncio.create_task(heartbeat.beat())
    began = time.process_time()
    await asyncio.sleep(_IDLE_SECONDS)
    idle_share = (time.process_time() - began) / _IDLE_SECONDS  # the heartbeat's own cost

    run_ids = await asyncio.to_thread(_start_runs, arguments)
    memory = resident_mb()
    began, began_at = time.process_time(), time.time()
    watchers = [asyncio.create_task(_watch(run_id, arguments["poll_interval"])) for run_id in run_ids]
    largest = await _largest_memory_until(asyncio.gather(*watchers))
    took = time.time() - began_at
    cpu = time.process_time() - began - idle_share * took
    beating.cancel()
    arrived = began_at + _ARRIVAL_SECONDS
    seen = [watcher.result() for watcher in watchers]
    return {
        "cpu_seconds": cpu,
        "run_minutes": sum(at - began_at for at, _ in seen) / 60,
        "seconds": took,
        "latencies": [latency for _, latency in seen],
        "blocks": [heartbeat.worst(began_at, arrived), heartbeat.worst(arrived, began_at + took)],
        "memory_mb": largest,
        "memory_growth_mb": largest - memory,
    }


async def _largest_memory_until(done: asyncio.Future[Any]) -> float:
    largest = 0.0
    while not done.done():
        largest = max(largest, resident_mb())
        await asyncio.wait([done], timeout=1.0)
    await done
    return largest


def _start_runs(arguments: dict[str, Any]) -> list[str]:
    hook, actor = ApifyHook(), Target("actor", "apify/scenario")
    return [hook.start_run(actor, {"durationSecs": seconds}).id for seconds in arguments["durations"]]


if __name__ == "__main__":
    answer(lambda arguments: asyncio.run(_measure(arguments)))
