"""Exports and faults by chance, and what must come of them."""

from __future__ import annotations

import csv
import io
import json
import random
from dataclasses import dataclass, field
from itertools import pairwise, zip_longest
from pathlib import Path
from typing import Any

from local_apify import LocalApify
from tests.silence.direct import ERROR_PAGES, Item, add_faults, push

_TEXTS = ("plain", 'with "quotes"', "two\nlines", "a, b; c", "é🦊\u2028", "<b>&amp;</b>", "", "}")
_TABLE_ROWS = 10
_WAYS = ("jsonl", "jsonl", "json", "csv", "csv", "split", "iterate")
_SIZES = (0, 1, 40, 300, 1_200, 2_500)
_CAPS = (None, None, None, 100, 700)
FILE_ITEMS = 250
"""Of each file, where there are several."""


@dataclass(frozen=True)
class Export:
    """One export.

    :param items: of the dataset, or of all datasets.
    :param way: a format, ``"split"`` for several files of JSON Lines, or ``"iterate"``.
    :param query: parameters of the items.
    :param cap: how many items Apify gives at once.
    :param faults: as the local Apify takes them; ``{dataset}`` in their paths stands for the dataset's ID, that of the
        last where there are several.
    :param cuts: where one dataset ends and the next begins; ``None`` for one dataset that is no list.
    """

    items: list[Item]
    way: str
    query: dict[str, Any]
    cap: int | None
    faults: list[dict[str, Any]] = field(default_factory=list)
    cuts: list[int] | None = None

    def __str__(self) -> str:
        """Say what it is."""
        return (
            f"{self.way} of {len(self.items)} items {self.query}{'' if self.cuts is None else f' cut at {self.cuts}'}"
        )

    def begin(self, apify: LocalApify, folder: Path) -> dict[str, Any]:
        """Prepare Apify, and return the job."""
        dataset_ids = [push(apify, items) for items in self.datasets]
        apify.control.settings(max_items_per_request=self.cap)
        add_faults(apify, self.faults, dataset=dataset_ids[-1], any="*")
        dataset_id = dataset_ids[0] if self.cuts is None else dataset_ids
        split = {"items_per_file": FILE_ITEMS} if self.way == "split" else {}
        job = {"do": "export", "dataset": dataset_id, "path": str(self.path(folder)), "way": self.way}
        return {**job, "query": self.query, **split}

    def wrong(self, outcome: dict[str, Any], _apify: LocalApify, folder: Path) -> str | None:
        """Say what is wrong and was not told."""
        if "error" in outcome:
            return self._wrong_of_a_failure(folder)
        return self.difference(folder) or self._wrong_count(outcome["items"]) or self._wrong_counts(outcome)

    def _wrong_of_a_failure(self, folder: Path) -> str | None:
        """Say what must not be there; files of a split export that were finished before it failed are whole."""
        left = sorted(folder.iterdir())
        wanted = [self.wanted[start : start + FILE_ITEMS] for start in range(0, len(self.wanted), FILE_ITEMS)]
        if self.way != "split":
            return "failed, and left a file" if left else None
        are_named = [path.name for path in left] == [f"{number:05}.jsonl" for number in range(len(left))]
        are_whole = are_named and [_lines(path) for path in left] == wanted[: len(left)]
        return None if are_whole else "failed, and left files that are not whole"

    def _wrong_count(self, told: int) -> str | None:
        count = len(self.wanted)
        return None if told == count else f"told {told} of {count} items"

    def _wrong_counts(self, outcome: dict[str, Any]) -> str | None:
        """Say what is wrong in what each of several datasets is said to have brought."""
        counts = [len(self._wanted_of(items)) for items in self.datasets]
        return None if self.cuts is None or outcome["counts"] == counts else f"told {outcome['counts']} of {counts}"

    @property
    def datasets(self) -> list[list[Item]]:
        """The items of each dataset."""
        return [self.items[start:end] for start, end in pairwise([0, *(self.cuts or ()), len(self.items)])]

    @property
    def wanted(self) -> list[Item]:
        """The items that must come, in their shape."""
        return self._wanted_of(self.items)

    def _wanted_of(self, items: list[Item]) -> list[Item]:
        query, items = self.query, items[::-1] if self.query.get("desc") else items
        items = items[query.get("offset", 0) :]
        items = items[: query.get("limit", len(items))]
        if "fields" in query:
            items = [{name: item[name] for name in query["fields"] if name in item} for item in items]
        if query.get("clean"):
            visible = [{name: value for name, value in item.items() if name[0] != "#"} for item in items]
            items = [item for item in visible if item]
        return items

    def path(self, folder: Path) -> Path:
        """Return where to write."""
        endings = {"split": "{part}.jsonl", "iterate": "items.jsonl"}
        return folder / endings.get(self.way, f"items.{self.way}")

    def difference(self, folder: Path) -> str | None:
        """Say in what the files differ from the items; ``None`` where they do not."""
        if self.way == "csv":
            found: Any = _rows((folder / "items.csv").read_bytes())
            wanted: Any = [_row(item) for item in self.wanted]
            if not any(self.wanted):
                wanted = []  # Apify makes no table without columns
        else:
            found, wanted = _items(folder, self.way), self.wanted
        if found == wanted:
            return None
        shorter = min(len(found), len(wanted))
        place = next((n for n, (a, b) in enumerate(zip(found, wanted, strict=False)) if a != b), shorter)
        return f"{len(found)} of {len(wanted)} items, other from {place} on"


def export(dice: random.Random) -> Export:
    """Return an export by chance."""
    way, cap = dice.choice(_WAYS), dice.choice(_CAPS)
    items = [_item(dice, number) for number in range(dice.choice(_SIZES))]
    query = _query(dice, len(items), way)
    # A whole table of other lines is a table, too: nothing tells.
    is_told = way != "csv" or len(items) > _TABLE_ROWS
    faults = [_fault(dice, has_foreign_lines=is_told) for _ in range(dice.choice((0, 1, 1, 1, 2, 3)))]
    return Export(items, way, query, cap, faults)


def export_of_a_list(dice: random.Random) -> Export:
    """Return an export of one to four datasets by chance."""
    way, cap = dice.choice([way for way in _WAYS if way != "iterate"]), dice.choice(_CAPS)
    sizes = [dice.choice(_SIZES) for _ in range(dice.randrange(1, 5))]
    items = [_item(dice, number) for number in range(sum(sizes))]
    cuts = [sum(sizes[:place]) for place in range(1, len(sizes))]
    queries: list[dict[str, Any]] = [{}, {}, {"clean": True}, {"fields": ["id", "text"]}]
    faults = [_fault(dice, has_foreign_lines=way != "csv") for _ in range(dice.choice((0, 1, 1, 2, 3)))]
    for fault in faults:
        if fault["path"].endswith("/items") and dice.random() < 0.5:
            fault |= {"path": fault["path"].replace("{dataset}", "{any}"), "skip": dice.randrange(12)}
    return Export(items, way, dice.choice(queries), cap, faults, cuts)


def _item(dice: random.Random, number: int) -> Item:
    if dice.random() < 0.03:
        return {"#hidden": number} if dice.random() < 0.5 else {}
    item: Item = {"id": number, "text": dice.choice(_TEXTS) * dice.choice((1, 1, 5)), "price": number / 4}
    if dice.random() < 0.1:
        item["#debug"] = {"n": number}
    if dice.random() < 0.05:
        item[f"rare{dice.randrange(5)}"] = "r"
    return item


def _query(dice: random.Random, count: int, way: str) -> dict[str, Any]:
    window = {"offset": dice.randrange(count + 2), "limit": 1 + dice.randrange(count + 2)}
    queries: list[dict[str, Any]] = [{}, {}, {"clean": True}, {"fields": ["id", "text"]}, window]
    return dice.choice(queries if way == "iterate" else [*queries, {"desc": True}])


def _fault(dice: random.Random, *, has_foreign_lines: bool) -> dict[str, Any]:
    """Return a fault by chance, but for those that nothing can tell, as the documentation says."""
    size = int(10 ** dice.uniform(0, 5.5))
    kinds: list[dict[str, Any]] = [
        {"action": "cut-body", "after_bytes": size},
        {"action": "end-body-early", "after_bytes": size},
        {"action": "end-between-lines", "after_bytes": size},
        {"action": "end-of-connection", "after_bytes": size},
        {"action": "cut-before-commit"},
        {"action": "garbage"},
        {"action": "answer", "status": dice.choice((429, 500, 503)), "error_type": "internal-server-error"},
        {"action": "answer", "status": dice.choice((200, 403, 502)), "text": ERROR_PAGES[1]},
        {"action": "other-page", "offset": dice.choice((0, 1, 100, 1_000))},
        {"action": "empty-page"},
        {"action": "doubled-headers"},
        {"action": "change-field", "field": "itemCount", "value": dice.choice((0, 3, 100_000))},
        {"action": "change-field", "field": dice.choice(("itemCount", "id"))},
    ]
    if has_foreign_lines:
        kinds.append({"action": "foreign-lines", "after_bytes": size, "text": dice.choice(ERROR_PAGES)})
    fault = dice.choice(kinds)
    path = "/v2/datasets/{dataset}" if fault["action"] == "change-field" else "/v2/datasets/{dataset}/items"
    return {"method": "GET", "path": path, "skip": dice.randrange(4), "times": dice.choice((1, 1, 2, 5, None)), **fault}


def _row(item: Item) -> Item:
    cells = {name: value for name, value in item.items() if not isinstance(value, dict)}
    cells |= {
        f"{name}/{key}": each for name, value in item.items() if isinstance(value, dict) for key, each in value.items()
    }
    return {name: str(value) for name, value in cells.items() if value != ""}


def _rows(body: bytes) -> list[Item]:
    rows = csv.reader(io.StringIO(body.decode(), newline=""))
    header = next(rows, [])
    # A cell without a column has no name, and is wrong even where it is empty.
    return [{name: cell for name, cell in zip_longest(header, row, fillvalue="") if cell or not name} for row in rows]


def _items(folder: Path, way: str) -> list[Any]:
    if way == "json":
        found = _parsed((folder / "items.json").read_bytes())
        return found if isinstance(found, list) else [found]
    return [item for path in sorted(folder.iterdir()) for item in _lines(path)]


def _lines(path: Path) -> list[Any]:
    """Return the items of JSON Lines, and what is left of a last one that is cut."""
    *lines, rest = path.read_bytes().split(b"\n")
    return [*map(_parsed, lines), *([rest] if rest else [])]


def _parsed(text: bytes) -> Any:
    """Return what the text means, or the text itself, which is no item then."""
    try:
        return json.loads(text)
    except ValueError:
        return text
