from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import ObjectStoragePath

from airflow_provider_apify._files.dataset import end, plan, walk
from airflow_provider_apify._files.dataset.plan import Plan
from airflow_provider_apify._files.export import Export, Manifest
from airflow_provider_apify._files.formats.registry import FORMATS
from airflow_provider_apify._files.query import ItemsQuery
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.options import RetryPolicy
from local_apify import Exchange, LocalApify
from tests._files.material import Exporting
from tests._files.walks import ITEM_BYTES, Gate, choose_always


@pytest.fixture
def hook(apify: LocalApify, monkeypatch: pytest.MonkeyPatch) -> ApifyHook:  # noqa: ARG001 - what the hook's connection points at
    """Return a hook that does not pause."""
    monkeypatch.setattr(end, "LAG_PAUSE_SECONDS", 0.001)
    return ApifyHook(retry=RetryPolicy(attempts=4, first_delay=0.001, max_delay=0.002))


@pytest.fixture
def export(hook: ApifyHook, tmp_path: Path) -> Exporting:
    """Return what exports a dataset to ``items.FORMAT`` in the test's folder, or its parts to ``0.FORMAT`` and on."""

    def run(
        dataset_id: str | list[str], name: str = "jsonl", query: dict[str, Any] | None = None, **options: Any
    ) -> Manifest:
        stem = "{}" if "split" in options else "items"
        return Export(
            hook,
            [dataset_id] if isinstance(dataset_id, str) else dataset_id,
            lambda number: ObjectStoragePath(str(tmp_path / f"{stem.format(number)}.{name}")),
            FORMATS[name],
            ItemsQuery.parse(query or {}),
            **options,
        ).run()

    return run


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have samples of 100 items and pages of about 200."""
    for module in (plan, walk):
        monkeypatch.setattr(module, "SAMPLE_ITEMS", 100)
        monkeypatch.setattr(module, "LARGEST_PAGE_BYTES", 200 * ITEM_BYTES)
    monkeypatch.setattr(plan, "MEMORY_BYTES", 1_000 * ITEM_BYTES)


@pytest.fixture
def exchanges(apify: LocalApify) -> list[Exchange]:
    """Return the exchanges about items, each as soon as it is over."""
    over: list[Exchange] = []
    apify.on_exchange = lambda each: (
        over.append(each) if each.template.endswith("/items") and each.method == "GET" else None
    )
    return over


@pytest.fixture
def gate(hook: ApifyHook, monkeypatch: pytest.MonkeyPatch) -> Gate:
    gate = Gate(hook)
    monkeypatch.setattr(hook, "_read_items", gate)
    return gate


@pytest.fixture
def four_connections(monkeypatch: pytest.MonkeyPatch, small: None) -> Plan:  # noqa: ARG001 - its pages
    plan = Plan(4, compressed=True)
    choose_always(plan, monkeypatch)
    return plan
