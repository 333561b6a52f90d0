"""What Airflow 3 has for triggers that start DAGs, as far as this Airflow has it."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from airflow.triggers import base

if TYPE_CHECKING:
    from airflow.triggers.base import BaseEventTrigger
    from airflow.triggers.shared_stream import SharedStreamProducer
else:
    BaseEventTrigger = getattr(base, "BaseEventTrigger", base.BaseTrigger)
    try:
        from airflow.triggers.shared_stream import SharedStreamProducer
    except ImportError:  # before Airflow 3.3
        SharedStreamProducer = object

__all__ = ["HAS_WATCHERS", "AssetNotes", "BaseEventTrigger", "SharedStreamProducer"]

HAS_WATCHERS = hasattr(base, "BaseEventTrigger")
"""Whether this Airflow has asset watchers: 3.0 and later."""

_log = logging.getLogger(__name__)


class AssetNotes:
    """What a watcher notes with its assets for the time after a restart; kept by Airflow 3.3 and later.

    :param trigger: the watcher's.
    :param key: the name of the note.
    """

    def __init__(self, trigger: BaseEventTrigger, key: str) -> None:
        store = getattr(trigger, "asset_state_store", None)
        # Watchers with the same arguments are one trigger, with all their assets.
        by_asset = (vars(store).get(each, {}) for each in ("_by_name", "_by_uri")) if store is not None else ()
        self._stores = [each for stores in by_asset for each in stores.values()]
        self._key = key
        self._writing: asyncio.Task[None] | None = None

    @property
    def are_kept(self) -> bool:
        """Whether this Airflow keeps them."""
        return bool(self._stores)

    async def read(self) -> list[dict[str, Any]]:
        """Return what was noted with each of the assets; an asset that was not watched for long has an old note."""
        noted = [await store.aget(self._key, default=None) for store in self._stores]
        return [note for note in noted if isinstance(note, dict)]

    def write_when(self, is_due: asyncio.Event, noted: dict[str, Any]) -> None:
        """Note something as soon as an event comes, in place of what was to be noted before.

        That Airflow refuses it, or is away, is logged.
        """
        if self.are_kept:
            before, self._writing = self._writing, asyncio.create_task(self._write_when(is_due, noted))
            if before is not None and not before.done():
                before.cancel()

    async def _write_when(self, is_due: asyncio.Event, noted: dict[str, Any]) -> None:
        await is_due.wait()
        for store in self._stores:
            try:
                await store.aset(self._key, noted)
            except Exception as trouble:  # noqa: BLE001 - each Airflow has errors of its own
                _log.warning("Airflow has not kept where the watcher is; after a restart it may repeat: %s", trouble)

    def close(self) -> None:
        """Write nothing more."""
        if self._writing is not None:
            self._writing.cancel()
