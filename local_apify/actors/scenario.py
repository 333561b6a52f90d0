"""An Actor that does what its input says, for tests and benchmarks."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import repeat
from typing import Any

from local_apify.world.context import ActorContext, RunEnd, actor
from local_apify.world.runs import ENDINGS

DEFAULT_ITEM_BYTES = 500
_HEAD = b'{"id":%d,"url":"https://shop.example/products/%d","title":"Product %d","price":%d.25,"text":"'
_TAIL = b'"}'
_FIELDS = ("id", "url", "title", "price", "text")
_FILLER_UNIT = b"A sturdy thing for the house and the garden, made to last and easy to mend. "


def _count(title: str, description: str) -> dict[str, Any]:
    return {"title": title, "type": "integer", "description": description, "minimum": 0}


_SCHEMA: Mapping[str, Any] = {
    "title": "Scenario",
    "type": "object",
    "schemaVersion": 1,
    "properties": {
        "durationSecs": {
            "title": "Duration",
            "type": "number",
            "description": "How long the run goes on.",
            "minimum": 0,
            "unit": "seconds",
        },
        "statusMessages": {
            "title": "Status messages",
            "type": "array",
            "description": "What the run says of itself, spread over its time.",
            "editor": "stringList",
            "items": {"type": "string"},
        },
        "logLines": {
            "title": "Log lines",
            "type": ["integer", "array"],
            "description": "How many lines the log gets, or the lines themselves, spread over the run's time.",
            "editor": "json",
        },
        "items": _count("Items", "How many items the run stores at its end."),
        "itemBytes": _count("Bytes of an item", "How large each item is as JSON."),
        "firstItem": _count("First item", "The number of the first item."),
        "records": {
            "title": "Records",
            "type": "object",
            "description": "Values for the key-value store, by key.",
            "editor": "json",
        },
        "chargedEvents": {
            "title": "Charged events",
            "type": "object",
            "description": "How many events of each kind are charged for.",
            "editor": "schemaBased",
            "properties": {"item": _count("Items", "At $0.001 each."), "page": _count("Pages", "At $0.01 each.")},
            "additionalProperties": False,
        },
        "endAs": {
            "title": "End",
            "type": ["string", "array"],
            "description": f"How the run ends: {', '.join(ENDINGS)}; as a list, one for each of its lives.",
            "editor": "json",
        },
        "exitMessage": {
            "title": "Exit message",
            "type": "string",
            "description": "The last status message.",
            "editor": "textfield",
        },
    },
    "additionalProperties": False,
}


def _line(index: int, filler: bytes, size: int) -> bytes:
    head = _HEAD % (index, index, index, index % 1000)
    return head + filler[: max(size - len(head) - len(_TAIL), 0)] + _TAIL


def _filler(size: int) -> bytes:
    return _FILLER_UNIT * (size // len(_FILLER_UNIT) + 1)


def scenario_item(index: int, size: int = DEFAULT_ITEM_BYTES) -> dict[str, Any]:
    """Return the item that ``apify/scenario`` stores under an index.

    :param size: the item's length in bytes as compact JSON; the shortest possible if it is less than that.
    """
    item: dict[str, Any] = json.loads(_line(index, _filler(size), size))
    return item


@dataclass(frozen=True)
class ScenarioItems:
    """Items made when they are read, so that millions of them cost nothing."""

    count: int
    size: int
    start: int = 0
    is_clean: bool = True

    @property
    def clean_count(self) -> int:
        """How many items are not empty: all."""
        return self.count

    def __len__(self) -> int:
        return self.count

    def lines(self, indices: range) -> Iterator[bytes]:
        """Return the encoded items of some indices."""
        filler = _filler(self.size)
        return (_line(self.start + index, filler, self.size) for index in indices)

    def fields(self, indices: range) -> Iterator[tuple[str, ...]]:
        """Return the names of the fields of some items, the same for all."""
        return repeat(_FIELDS, len(indices))


@actor(
    "apify/scenario",
    title="Scenario",
    memory_mbytes=256,
    description=(
        "Play a run for a test: choose how long it goes on, what it stores, logs and charges for, and how it ends."
    ),
    event_prices={"item": 0.001, "page": 0.01},
    minimal_charge_usd=0.01,
    input_schema=_SCHEMA,
)
async def scenario(context: ActorContext) -> None:
    """Do what the input says.

    - ``durationSecs``: how long the run goes on (0), with ``statusMessages`` and ``logLines`` spread over the time.
    - ``items``, ``itemBytes``, ``firstItem``: how many items it stores (0), of which size (500), counted from (0).
    - ``records``: values by key, for the key-value store.
    - ``chargedEvents``: counts by event, of ``item`` ($0.001) and ``page`` ($0.01).
    - ``endAs``: SUCCEEDED, FAILED, TIMED-OUT or ABORTED; a list says it for each life of the run, as it is resurrected.
    - ``exitMessage``: the last status message.

    Items are stored at the end of the time, records and charges at its start. A resurrected run adds what is missing.
    """
    plan = context.input
    for key, value in plan.get("records", {}).items():
        await context.set_value(key, value)
    for event, count in plan.get("chargedEvents", {}).items():
        await context.charge(event, count)
    await _pass_time(context, plan)
    missing = plan.get("items", 0) - context.item_count
    if missing > 0:
        first = plan.get("firstItem", 0) + context.item_count
        await context.push_source(ScenarioItems(missing, plan.get("itemBytes", DEFAULT_ITEM_BYTES), first))
    raise RunEnd(_ending(plan, context.lives), plan.get("exitMessage"))


async def _pass_time(context: ActorContext, plan: dict[str, Any]) -> None:
    lines = plan.get("logLines", [])
    log_lines = [f"Line {number}" for number in range(lines)] if isinstance(lines, int) else lines
    messages = plan.get("statusMessages", [])
    steps = max(len(log_lines), len(messages), 1)
    for step in range(steps):
        if step < len(log_lines):
            context.log(log_lines[step])
        if step < len(messages):
            await context.set_status_message(messages[step])
        if context.is_aborting:
            return
        await context.sleep(plan.get("durationSecs", 0) / steps)


def _ending(plan: dict[str, Any], lives: int) -> str:
    endings = plan.get("endAs", "SUCCEEDED")
    return endings if isinstance(endings, str) else endings[min(lives, len(endings) - 1)]
