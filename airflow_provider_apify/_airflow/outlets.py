"""What the events of outlet assets say of a transfer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context


def tell_outlets(context: Context, manifest: dict[str, Any]) -> None:
    """Attach a manifest to the event of each asset that the task updates."""
    events = context.get("outlet_events")
    for outlet in context["task"].outlets or ():
        if events is not None and hasattr(outlet, "uri"):
            events[outlet].extra.update(manifest)
