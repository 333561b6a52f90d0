"""One life of a triggerer for asset watchers, with Airflow's own shared streams."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_apify.triggers._watcher import Watcher

shared_stream = pytest.importorskip("airflow.triggers.shared_stream", reason="shared streams came with Airflow 3.3")


class Store:
    """An asset's state store, as a trigger sees it: values outlive the triggerer."""

    def __init__(self, kept: dict[str, Any]) -> None:
        self._kept = kept

    async def aget(self, key: str, default: Any = None) -> Any:
        return self._kept.get(key, default)

    async def aset(self, key: str, value: Any) -> None:
        self._kept[key] = value


class Triggerer:
    """One life of a triggerer: Airflow's own shared streams, and events that are stored when the test says so."""

    def __init__(self, *kept: dict[str, Any], stores: bool = True) -> None:
        self._streams = shared_stream.SharedStreamManager()
        self._kept = kept or ({},)  # of each of the assets
        self._tasks: list[asyncio.Task[None]] = []
        self._pending: list[int] = []
        self._stores = stores
        self.told: list[dict[str, Any]] = []

    def watch(self, trigger: Watcher[Any, Any]) -> None:
        stores = {f"shop{number}": Store(kept) for number, kept in enumerate(self._kept)}
        store: Any = SimpleNamespace(_by_name=stores, _by_uri={})
        trigger.asset_state_store = store
        self._tasks.append(asyncio.create_task(self._follow(trigger, len(self._tasks))))

    async def _follow(self, trigger: Watcher[Any, Any], number: int) -> None:
        key = trigger.shared_stream_key()
        stream = self._streams.subscribe(trigger_id=number, trigger=trigger, key=key)
        try:
            async for event in trigger.filter_shared_stream(stream):
                bound = self._streams.bind_pending_event(trigger_id=number, key=key)
                self.told.append(event.payload)
                self._pending += [] if bound is None else [bound]
                if self._stores:
                    self.store()
        finally:
            await self._streams.unsubscribe(number, key)

    def store(self) -> None:
        """Say that the events so far are stored."""
        self._streams.confirm_persisted(self._pending)
        self._pending.clear()

    async def kill(self) -> None:
        """End it without another word."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with suppress(asyncio.CancelledError):
                await task
        await self._streams.stop_all()
