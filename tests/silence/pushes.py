"""Pushes and faults by chance, and what must come of them."""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local_apify import LocalApify
from tests.silence.direct import ERROR_PAGES, Item, add_faults, items_of, push

_WAYS = ("append", "append", "complete", "complete", "items")
_ENDINGS = ("jsonl", "json", "csv", "jsonl.gz")
_SIZES = (1, 2, 40, 300)
_LARGE_TEXT = 2_000_000
"""A few items of this size need several requests."""


@dataclass(frozen=True)
class Push:
    """One push.

    :param items: to be pushed.
    :param way: the ``push_mode`` of the operator, or ``"items"`` for the hook's method.
    :param ending: of the file.
    :param before: items that are in the dataset before.
    :param faults: as the local Apify takes them; ``{dataset}`` in their paths stands for the dataset's ID.
    """

    items: list[Item]
    way: str
    ending: str
    before: list[Item]
    faults: list[dict[str, Any]] = field(default_factory=list)

    def __str__(self) -> str:
        """Say what it is."""
        return f"{self.way} of {len(self.items)} items ({self.ending}) to {len(self.before)}"

    @property
    def wanted(self) -> list[Item]:
        """The items that must be in the dataset."""
        items = [_as_text(item) for item in self.items] if self.ending == "csv" and self.way != "items" else self.items
        return items if self.way == "complete" else [*self.before, *items]

    def begin(self, apify: LocalApify, folder: Path) -> dict[str, Any]:
        """Prepare Apify and the file, and return the job."""
        file = folder / f"items.{self.ending}"
        file.write_bytes(_file(self.items, self.ending))
        dataset_id = push(apify, self.before)
        add_faults(apify, self.faults, dataset=dataset_id)
        job = {"do": "push", "dataset": dataset_id, "path": str(file), "way": self.way}
        return {**job, "items": self.items} if self.way == "items" else job

    def wrong(self, outcome: dict[str, Any], apify: LocalApify, _folder: Path) -> str | None:
        """Say what is wrong and was not told."""
        apify.control.clear_faults()
        found, wanted = items_of(apify, outcome["dataset"]), self.wanted
        if "error" not in outcome and outcome["items"] != len(self.items):
            return f"told {outcome['items']} of {len(self.items)} items"
        if "error" not in outcome:
            return None if found == wanted else f"{len(found)} items instead of {len(wanted)}"
        # What was pushed before it failed cannot be taken back; more than that must not be there.
        is_beginning = found in (self.before, wanted[: max(len(found), len(self.before))])
        return None if is_beginning else f"failed, and left {len(found)} items that are no beginning"


def a_push(dice: random.Random) -> Push:
    """Return a push by chance."""
    is_large = dice.random() < 0.15
    count = dice.choice((2, 4)) if is_large else dice.choice(_SIZES)
    items = [
        _item(number, "x" * _LARGE_TEXT if is_large else dice.choice(("plain", "two\nlines", "é")))
        for number in range(count)
    ]
    way, ending = dice.choice(_WAYS), dice.choice(_ENDINGS)
    before: list[Item] = [{"id": -number} for number in range(1, dice.choice((1, 1, 4)))]
    if way == "complete":
        first = [_as_text(item) for item in items] if ending == "csv" else items
        before = before if dice.random() < 0.2 else first[: dice.randrange(len(items) + 1)]
    return Push(items, way, ending, before, [_fault(dice, way) for _ in range(dice.choice((0, 1, 1, 2)))])


def _item(number: int, text: str) -> Item:
    return {"id": number, "text": text, "price": number / 4}


def _fault(dice: random.Random, way: str) -> dict[str, Any]:
    """Return a fault by chance, but for those that nothing can tell: the hook's method counts nothing."""
    texts = ERROR_PAGES if way == "items" else (*ERROR_PAGES, "{}")  # which is what Apify answers
    pushing: list[dict[str, Any]] = [
        {"action": "cut-before-commit"},
        {"action": "cut-after-commit"},
        {"action": "answer", "status": dice.choice((429, 500, 503)), "error_type": "internal-server-error"},
        {"action": "answer-after-commit", "status": dice.choice((500, 503)), "error_type": "internal-server-error"},
        {"action": "answer", "status": dice.choice((200, 201)), "text": dice.choice(texts)},
        {"action": "garbage"},
    ]
    counting: list[dict[str, Any]] = [
        {"action": "cut-before-commit"},
        {"action": "answer", "status": dice.choice((200, 500, 503)), "text": ERROR_PAGES[1]},
        {"action": "garbage"},
        {"action": "cut-body", "after_bytes": dice.randrange(60)},
    ]
    is_pushing = dice.random() < 0.75
    method, path = ("POST", "/v2/datasets/{dataset}/items") if is_pushing else ("GET", "/v2/datasets/{dataset}")
    usual = {"method": method, "path": path, "skip": dice.randrange(2), "times": dice.choice((1, 1, 2, 3, None))}
    return {**usual, **dice.choice(pushing if is_pushing else counting)}


def _as_text(item: Item) -> Item:
    return {name: str(value) for name, value in item.items()}


def _file(items: list[Item], ending: str) -> bytes:
    if ending == "json":
        return json.dumps(items).encode()
    if ending == "csv":
        text = io.StringIO(newline="")
        rows = csv.DictWriter(text, list(items[0]))
        rows.writeheader()
        rows.writerows(items)
        return text.getvalue().encode()
    lines = "".join(json.dumps(item) + "\n" for item in items).encode()
    return gzip.compress(lines) if ending.endswith(".gz") else lines
