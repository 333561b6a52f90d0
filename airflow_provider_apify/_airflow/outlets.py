"""What Airflow hears of what a transfer reads and writes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.lineage.hook import get_hook_lineage_collector

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseHook, Context


def tell_outlets(context: Context, manifest: dict[str, Any]) -> None:
    """Attach a manifest to the event of each asset that the task updates."""
    events = context.get("outlet_events")
    for outlet in context["task"].outlets or ():
        if events is not None and hasattr(outlet, "uri"):
            events[outlet].extra.update(manifest)


def tell_inlets(hook: BaseHook, addresses: Iterable[str]) -> None:
    """Report what has been read to Airflow's hook lineage, by the addresses of its pages; Airflow takes 100."""
    collector = get_hook_lineage_collector()  # type: ignore[no-untyped-call]
    for address in addresses:
        collector.add_input_asset(context=hook, uri=address)
