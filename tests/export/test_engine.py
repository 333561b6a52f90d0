"""Whole exports from the local Apify: items are never torn, doubled or lost."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from airflow.providers.common.compat.sdk import ObjectStoragePath

from airflow_provider_apify._api.flows import RetryPolicy
from airflow_provider_apify.exceptions import ApifyDataError, ApifyError, ApifyNotFoundError
from airflow_provider_apify.export import pages
from airflow_provider_apify.export.engine import Manifest, export_dataset
from airflow_provider_apify.export.formats import FORMATS
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.options import Target
from airflow_provider_apify.testing import Control, LocalApify, scenario_item

ITEMS_ROUTE = "GET /v2/datasets/{datasetId}/items"
Export = Callable[..., Manifest]


@pytest.fixture
def hook(apify: LocalApify) -> ApifyHook:  # noqa: ARG001 - what the hook's connection points at
    return ApifyHook(retry=RetryPolicy(attempts=4, first_delay=0.001, max_delay=0.002))


def dataset_of(hook: ApifyHook, items: int, item_bytes: int = 200) -> str:
    """Return a dataset with so many items of ``apify/scenario``."""
    run = hook.start_run(Target("actor", "apify/scenario"), {"items": items, "itemBytes": item_bytes})
    assert hook.wait_for_run(run.id).run.dataset_id == run.dataset_id
    return run.dataset_id or ""


def push(apify: LocalApify, dataset_id: str, items: list[dict[str, Any]]) -> None:
    with requests.Session() as session:
        session.trust_env = False
        session.post(
            f"{apify.base_url}/v2/datasets/{dataset_id}/items",
            json=items,
            headers={"Authorization": f"Bearer {apify.token}"},
            timeout=30,
        ).raise_for_status()


@pytest.fixture
def export(hook: ApifyHook, tmp_path: Path) -> Export:
    """Return what exports a dataset to ``items.FORMAT`` in the test's folder."""

    def run(dataset_id: str, name: str = "jsonl", **params: Any) -> Manifest:
        path = ObjectStoragePath(str(tmp_path / f"items.{name}"))
        return export_dataset(hook, dataset_id, path, FORMATS[name], params)

    return run


def read(tmp_path: Path, name: str) -> list[Any]:
    """Return the items of an exported file; those of CSV with text for every value."""
    body = (tmp_path / f"items.{name}").read_bytes()
    if name == "csv":
        return list(csv.DictReader(io.StringIO(body.decode(), newline="")))
    return [json.loads(line) for line in body.splitlines()] if name == "jsonl" else list(json.loads(body))


def expected(name: str, items: list[dict[str, Any]]) -> list[Any]:
    return [{key: str(value) for key, value in item.items()} for item in items] if name == "csv" else items


@pytest.mark.parametrize("name", ["jsonl", "json", "csv"])
@pytest.mark.parametrize("cap", [None, 700])
def test_every_item_arrives_once_and_in_order(
    export: Export, hook: ApifyHook, tmp_path: Path, name: str, cap: int | None
) -> None:
    apify = Control(hook.connection.access.base_url)
    apify.settings(max_items_per_request=cap)
    dataset_id = dataset_of(hook, 2500)
    manifest = export(dataset_id, name)
    assert read(tmp_path, name) == expected(name, [scenario_item(index, 200) for index in range(2500)])
    body = (tmp_path / f"items.{name}").read_bytes()
    assert manifest.to_dict() == {
        "path": str(ObjectStoragePath(str(tmp_path / f"items.{name}"))),
        "format": name,
        "dataset_id": dataset_id,
        "items": 2500,
        "bytes": len(body),
        "sha256": hashlib.sha256(body).hexdigest(),
    }
    assert apify.ledger().items_delivered[dataset_id] == 2500


@pytest.mark.parametrize(("name", "body"), [("jsonl", b""), ("json", b"[]\n")])
def test_an_empty_dataset_is_an_empty_file(
    export: Export, hook: ApifyHook, tmp_path: Path, name: str, body: bytes
) -> None:
    manifest = export(dataset_of(hook, 0), name)
    assert (manifest.items, manifest.bytes) == (0, len(body))
    assert (tmp_path / f"items.{name}").read_bytes() == body


def test_an_empty_dataset_is_an_empty_table(export: Export, hook: ApifyHook, tmp_path: Path) -> None:
    assert export(dataset_of(hook, 0), "csv").items == 0
    assert read(tmp_path, "csv") == []


@pytest.mark.parametrize("sizes", [(3, 2_000_000), (40, 200_000), (3000, 0)])
@pytest.mark.parametrize("name", ["jsonl", "json"])
def test_items_of_any_size_arrive(
    export: Export, hook: ApifyHook, tmp_path: Path, name: str, sizes: tuple[int, int]
) -> None:
    items, size = sizes
    assert export(dataset_of(hook, items, size), name).items == items
    assert read(tmp_path, name) == [scenario_item(index, size) for index in range(items)]


def test_items_of_two_bytes_arrive(export: Export, hook: ApifyHook, apify: LocalApify, tmp_path: Path) -> None:
    dataset_id = dataset_of(hook, 0)
    push(apify, dataset_id, [{}] * 3000)
    assert export(dataset_id).items == 3000
    assert (tmp_path / "items.jsonl").read_bytes() == b"{}\n" * 3000


@pytest.mark.parametrize("fault", ["cut-body", "end-body-early", "cut-before-commit", "answer", "garbage"])
@pytest.mark.parametrize("name", ["jsonl", "json", "csv"])
def test_a_page_that_breaks_is_fetched_again_and_tears_nothing(
    export: Export, hook: ApifyHook, tmp_path: Path, name: str, fault: str
) -> None:
    apify = Control(hook.connection.access.base_url)
    apify.settings(max_items_per_request=400)
    dataset_id = dataset_of(hook, 1000)
    apify.add_fault(fault, path="*/items", skip=1, times=2, after_bytes=1000, status=503)
    assert export(dataset_id, name).items == 1000
    assert read(tmp_path, name) == expected(name, [scenario_item(index, 200) for index in range(1000)])
    assert apify.ledger().requests_by_route[ITEMS_ROUTE] == 3 + 1 + 2


@pytest.mark.parametrize("fault", ["cut-body", "end-body-early", "answer", "garbage"])
def test_pages_that_keep_breaking_leave_the_old_file(
    export: Export, hook: ApifyHook, apify: LocalApify, tmp_path: Path, fault: str
) -> None:
    (tmp_path / "items.jsonl").write_bytes(b"old\n")
    apify.control.settings(max_items_per_request=400)
    dataset_id = dataset_of(hook, 1000)
    apify.control.add_fault(fault, path="*/items", skip=1, times=None, after_bytes=1000, status=503)
    with pytest.raises(ApifyError, match=dataset_id) as caught:
        export(dataset_id)
    assert caught.value.retryable
    assert [file.name for file in tmp_path.iterdir()] == ["items.jsonl"]
    assert (tmp_path / "items.jsonl").read_bytes() == b"old\n"


def test_pages_that_are_well_formed_but_short_are_a_data_error(
    export: Export, hook: ApifyHook, apify: LocalApify
) -> None:
    dataset_id = dataset_of(hook, 100)
    apify.control.add_fault("end-body-early", path="*/items", times=None, after_bytes=500)
    with pytest.raises(ApifyDataError):
        export(dataset_id)


def test_a_count_that_lags_hides_no_items(export: Export, hook: ApifyHook, apify: LocalApify, tmp_path: Path) -> None:
    apify.control.settings(item_count_lag_seconds=60)
    dataset_id = dataset_of(hook, 1500)
    assert hook.get_dataset(dataset_id).item_count == 0
    assert export(dataset_id).items == 1500
    assert len(read(tmp_path, "jsonl")) == 1500


def test_items_that_apify_counts_but_never_shows_are_an_error(
    export: Export, hook: ApifyHook, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(pages, "_LAG_PAUSE_SECONDS", 0.001)
    dataset_id = dataset_of(hook, 10)
    described = hook.get_dataset

    def counting_more(wanted: str) -> Any:
        dataset = described(wanted)
        object.__setattr__(dataset, "item_count", dataset.item_count + 5)
        return dataset

    monkeypatch.setattr(hook, "get_dataset", counting_more)
    with pytest.raises(ApifyDataError, match="counts 15 items, but only 10 came"):
        export(dataset_id)
    assert list(tmp_path.iterdir()) == []


def test_a_dataset_that_grows_meanwhile_is_written_to_its_end(
    export: Export, hook: ApifyHook, apify: LocalApify, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    apify.control.settings(max_items_per_request=100)
    dataset_id = dataset_of(hook, 250)
    fetch_items, grown = hook.fetch_items, False

    def fetch_and_grow(*args: Any, **kwargs: Any) -> Any:
        nonlocal grown
        page = fetch_items(*args, **kwargs)
        if not grown:
            push(apify, dataset_id, [{"late": number} for number in range(50)])
        grown = True
        return page

    monkeypatch.setattr(hook, "fetch_items", fetch_and_grow)
    assert export(dataset_id).items == 300
    assert read(tmp_path, "jsonl")[-1] == {"late": 49}


def test_a_dataset_that_is_deleted_meanwhile_leaves_the_old_file(
    export: Export, hook: ApifyHook, apify: LocalApify, tmp_path: Path
) -> None:
    (tmp_path / "items.jsonl").write_bytes(b"old\n")
    apify.control.settings(max_items_per_request=100)
    dataset_id = dataset_of(hook, 250)
    apify.control.add_fault(
        "answer", path="*/items", skip=1, status=404, error_type="record-not-found", message="Dataset was not found"
    )
    with pytest.raises(ApifyNotFoundError, match="Dataset was not found"):
        export(dataset_id)
    assert (tmp_path / "items.jsonl").read_bytes() == b"old\n"


def test_filters_drop_items_without_stopping_early(
    export: Export, hook: ApifyHook, apify: LocalApify, tmp_path: Path
) -> None:
    apify.control.settings(max_items_per_request=10)
    dataset_id = dataset_of(hook, 0)
    push(apify, dataset_id, [{"#hidden": 1} for _ in range(25)] + [{"a": number, "#b": 1} for number in range(5)])
    assert export(dataset_id, clean=True).items == 5
    assert read(tmp_path, "jsonl") == [{"a": number} for number in range(5)]


@pytest.mark.parametrize("name", ["jsonl", "json", "csv"])
def test_fields_and_omissions_reach_apify(export: Export, hook: ApifyHook, tmp_path: Path, name: str) -> None:
    export(dataset_of(hook, 3), name, fields=["price", "id", "title"], omit=["title"])
    assert [list(item) for item in read(tmp_path, name)] == [["price", "id"]] * 3


def test_columns_that_appear_on_a_later_page_are_in_the_one_header(
    export: Export, hook: ApifyHook, apify: LocalApify, tmp_path: Path
) -> None:
    apify.control.settings(max_items_per_request=2)
    dataset_id = dataset_of(hook, 0)
    push(
        apify,
        dataset_id,
        [{"a": 'q"'}, {"a": "b\nr"}, {"a": "x\u2028y", "imgs": ["i0", "i1"]}, {"c": "1,5"}],
    )
    assert export(dataset_id, "csv").items == 4
    assert [{key: value for key, value in row.items() if value} for row in read(tmp_path, "csv")] == [
        {"a": 'q"'},
        {"a": "b\nr"},
        {"a": "x\u2028y", "imgs/0": "i0", "imgs/1": "i1"},
        {"c": "1,5"},
    ]


def test_a_large_export_takes_few_requests(export: Export, hook: ApifyHook, apify: LocalApify) -> None:
    dataset_id = dataset_of(hook, 60_000, 100)
    assert export(dataset_id).items == 60_000
    assert apify.control.ledger().requests_by_route[ITEMS_ROUTE] <= 6
