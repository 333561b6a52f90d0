"""Whom the end of a run concerns in Airflow: assets that name its Actor or saved task, and tasks that wait."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from airflow_provider_apify._airflow import database
from airflow_provider_apify._airflow.database import News, WaitingTrigger
from airflow_provider_apify._arguments.asset_uris import SCHEME, asset_uri
from airflow_provider_apify.assets import runs_told
from airflow_provider_apify.exceptions import ApifyNotFoundError
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.models.runs import ActorRun, RunEvent
from airflow_provider_apify.options import Target, TargetKind
from airflow_provider_apify.triggers._base import HOLD_SECONDS
from airflow_provider_apify.triggers.run import ApifyRunTrigger

T = TypeVar("T")
_log = logging.getLogger(__name__)

_AT_ONCE = 4
"""So many threads look into Airflow's database, and no more even where it hangs: the rest of the API server needs
connections, and threads, too."""
_CLOCKS = timedelta(days=1)
"""By how much Apify's clock and ours surely do not differ."""
_NAME_SECONDS, _MOST_NAMES = 600.0, 1_000
"""How long the name of an Actor or a saved task is known, and of how many."""
_READ_SECONDS = 10.0


class Teller:
    """Tells Airflow of the ends of runs."""

    def __init__(self) -> None:
        self._names: dict[tuple[str, Target], tuple[float, str | None]] = {}
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="apify-receiver")
        self._waking: dict[int, asyncio.Task[None]] = {}

    async def tell_assets(self, hook: ApifyHook, run: ActorRun, about: dict[str, Any]) -> tuple[list[str], bool]:
        """Have each asset that names the run's Actor or saved task know of its end, once.

        Return their URIs, and whether any of them did not know it.

        :param about: what the events have beside the run.
        """
        known = set(await self._in_database(database.asset_uris, f"{SCHEME}://"))
        uris = [uri async for uri in self._uris(hook, run, known) if uri in known]
        told = run.to_dict()

        def is_same(extra: dict[str, Any]) -> bool:
            ends = {(each["run_id"], each["finished_at"]) for each in runs_told(extra)}
            return (told["run_id"], told["finished_at"]) in ends

        since = (run.finished_at or datetime.now(UTC)) - _CLOCKS
        news = News(run.id, {**about, "payload": {"runs": [told]}}, since, is_same)
        return uris, await self._in_database(database.tell_assets, uris, news)

    async def wake_tasks(self, hook: ApifyHook, run: ActorRun) -> int:
        """Wake the tasks that look seldom for a run that has ended; return how many wait for it.

        Each as soon as it may be woken. Those that long-poll see the end at once by themselves, and a trigger that is
        woken by others lets go of its run: Airflow tells it that the task has gone.
        """
        found = await self._in_database(database.waiting_triggers, ApifyRunTrigger, run.id)
        concerned = [waiting for waiting in found if waiting.arguments.get("run_id") == run.id]
        for waiting in concerned:
            looks_seldom = waiting.arguments.get("poll_interval") is not None
            if looks_seldom and waiting.id not in self._waking:
                self._waking[waiting.id] = asyncio.create_task(self._wake(hook, run, waiting))
        return len(concerned)

    async def _wake(self, hook: ApifyHook, run: ActorRun, waiting: WaitingTrigger) -> None:
        """Wake a task when it may be woken, with the run as it is then: with its final cost, if it wants that."""
        settle, now = float(waiting.arguments.get("settle") or 0), time.time()
        age = now - run.finished_at.timestamp() if run.finished_at else 0.0
        # Apify's clock may differ from ours: never wait longer than ``settle`` for the cost.
        pause = max(waiting.since.timestamp() + HOLD_SECONDS - now, min(settle, settle - age))
        try:
            if pause > 0:
                await asyncio.sleep(pause)
                run = await read_run(hook, run.id)  # maybe somebody has resurrected it
            if run.is_finished:
                await self._in_database(database.wake, waiting.id, RunEvent(run).to_payload())
                _log.info("The task that waits for run %s is woken.", run.id)
        except Exception:  # noqa: BLE001 - logged; the trigger watches on
            _log.exception("The task that waits for run %s could not be woken; its trigger will see the end.", run.id)
        finally:
            del self._waking[waiting.id]

    async def _uris(self, hook: ApifyHook, run: ActorRun, known: set[str]) -> AsyncIterator[str]:
        """Yield how assets may name the run's Actor and its saved task."""
        kinds: tuple[tuple[TargetKind, str | None], ...] = (("actor", run.actor_id), ("task", run.actor_task_id))
        for kind, given in kinds:
            if given is not None:
                yield asset_uri(kind, given)
                has_names = any(uri.startswith(f"{SCHEME}://{kind}/") and "~" in uri for uri in known)
                if has_names and (name := await self._name(hook, Target(kind, given))) is not None:
                    yield asset_uri(kind, name)

    async def _name(self, hook: ApifyHook, target: Target) -> str | None:
        now, key = time.monotonic(), (hook.apify_conn_id, target)
        known_until, name = self._names.get(key, (0.0, None))
        if known_until <= now:
            try:
                name = await hook._async_name_of(target)
            except ApifyNotFoundError:
                name = None
            if len(self._names) >= _MOST_NAMES:
                self._names.clear()
            self._names[key] = now + _NAME_SECONDS, name
        return name

    async def _in_database(self, call: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, call, *arguments)


async def read_run(hook: ApifyHook, run_id: str) -> ActorRun:
    """Read a run that should have ended; wait a moment where Apify does not say so yet."""
    return (await hook.async_wait_for_run(run_id, deadline=time.time() + _READ_SECONDS)).run
