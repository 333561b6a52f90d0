"""Ways through a dataset that tests take, and what happens on them."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from airflow_provider_apify._files.dataset import walk
from airflow_provider_apify._files.dataset.plan import Pace, Plan
from airflow_provider_apify._files.dataset.reader import Reader
from airflow_provider_apify._files.dataset.source import Source
from airflow_provider_apify._files.dataset.walk import Walk
from airflow_provider_apify.hooks.apify import ApifyHook
from local_apify import Exchange, LocalApify, scenario_item
from tests._files.material import Taken, push

if TYPE_CHECKING:
    import pytest

ITEM_BYTES = 200


def walked(source: Source, *, start: int = 0) -> tuple[Walk, list[Any]]:
    """Walk to the end; return the items too."""
    taken = Taken()
    walk = Walk(source, taken, start)
    walk.go()
    assert taken.body.count(b"\n") == walk.records
    return walk, [json.loads(line) for line in taken.body.split(b"\n")[:-1]]


def noise(count: int) -> list[dict[str, Any]]:
    """Return items that compress badly."""
    return [{"noise": hashlib.shake_256(str(number).encode()).hexdigest(500)} for number in range(count)]


def items_up_to(count: int, start: int = 0) -> list[dict[str, Any]]:
    return [scenario_item(index, ITEM_BYTES) for index in range(start, count)]


def asked(exchange: Exchange) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(exchange.query).items()}


class Gate:
    """A hook's way to read pages that the test opens page by page.

    :ivar begun: indices of the first items of the pages that were begun, in their order.
    """

    def __init__(self, hook: ApifyHook) -> None:
        self._read_items = hook._read_items
        self._lock = threading.Lock()
        self.begun: list[int] = []
        self.before: Callable[[int], None] = lambda _start: None

    def __call__(self, dataset_id: str, reader: Reader, **options: Any) -> None:
        with self._lock:
            self.begun.append(reader.position)
        self.before(reader.position)
        self._read_items(dataset_id, reader, **options)


def choose_always(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walk, "choose", lambda *_, **__: plan)
    monkeypatch.setattr(Pace, "pays", True)


FAULTS: list[dict[str, Any]] = [
    {"action": "cut-body", "after_bytes": 1_000},
    {"action": "end-body-early", "after_bytes": 1_000},
    {"action": "cut-before-commit"},
    {"action": "answer", "status": 429, "error_type": "rate-limit-exceeded"},
    {"action": "answer", "status": 503},
    {"action": "garbage"},
]


def grow_in_the_middle(apify: LocalApify, gate: Gate, dataset_id: str, *, after: int, by: int) -> None:
    """Let a dataset grow before the request for the item at an index, or for one behind it."""
    late = [{"late": number} for number in range(by)]
    lock = threading.Lock()

    def grow(start: int) -> None:
        with lock:
            if start >= after and late:
                push(apify, dataset_id, late)
                late.clear()

    gate.before = grow
