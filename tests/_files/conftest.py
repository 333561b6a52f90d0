from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import ObjectStoragePath

from airflow_provider_apify._files.dataset import end
from airflow_provider_apify._files.export import Export, Manifest
from airflow_provider_apify._files.formats.registry import FORMATS
from airflow_provider_apify._files.query import ItemsQuery
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.options import RetryPolicy
from local_apify import LocalApify
from tests._files.material import Exporting


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
