"""Whole exports from the local Apify: files are whole or not there, and the manifest says what is in them."""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import ObjectStoragePath

from airflow_provider_apify._files.export import Manifest, WrittenDataset
from airflow_provider_apify._files.formats.registry import FORMATS
from airflow_provider_apify._files.split import WrittenFile
from airflow_provider_apify.exceptions import ApifyDataError, ApifyError, ApifyNotFoundError
from airflow_provider_apify.hooks.apify import ApifyHook
from local_apify import LocalApify, scenario_item
from tests._files.material import (
    Exporting,
    dataset_of,
    items_of,
    opened,
    pushed,
    requests_for_items,
    say_that_there_are,
)


@pytest.mark.parametrize("name", ["xlsx", "xml", "rss", "html"])
def test_where_nobody_counts_the_items_too_few_of_them_cannot_be_told(
    hook: ApifyHook, export: Exporting, tmp_path: Path, name: str
) -> None:
    with pytest.raises(ApifyDataError, match=f"Nobody knows how many items are in a {name} file that is filtered"):
        export(dataset_of(hook, 5), name, {"clean": True}, min_items=1)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("counts", "datasets", "words"),
    [
        ([5], 1, "5 items (9 bytes)"),
        ([1], 1, "1 item (9 bytes)"),
        ([None], 1, "items (9 bytes)"),
        ([5, 2], 1, "7 items (18 bytes in 2 files)"),
        ([5], 3, "5 items of 3 datasets (9 bytes)"),
    ],
)
def test_a_manifest_says_how_much_was_written(counts: list[int | None], datasets: int, words: str) -> None:
    files = [WrittenFile("/items", count, 9, "digest") for count in counts]
    assert str(Manifest("jsonl", None, [WrittenDataset("dataset", None)] * datasets, files)) == words


def test_a_manifest_names_the_first_thousand_files_and_datasets_and_counts_all() -> None:
    manifest = Manifest(
        "jsonl",
        None,
        [WrittenDataset(f"d{number}", 1) for number in range(3_000)],
        [WrittenFile(f"/{number}.jsonl", 2, 20, "digest") for number in range(1_500)],
    )
    told = manifest.to_dict()
    assert (len(told["files"]), told["file_count"], told["items"], told["bytes"]) == (1_000, 1_500, 3_000, 30_000)
    assert (len(told["datasets"]), told["dataset_count"], told["dataset_id"]) == (1_000, 3_000, None)


def expected(name: str, items: list[dict[str, Any]]) -> list[Any]:
    return [{key: str(value) for key, value in item.items()} for item in items] if name == "csv" else items


@pytest.mark.parametrize("name", ["jsonl", "json", "csv", "parquet"])
@pytest.mark.parametrize("compression", [None, "gzip", "zstd"])
def test_the_manifest_says_what_is_in_the_file(
    export: Exporting, hook: ApifyHook, tmp_path: Path, name: str, compression: str | None
) -> None:
    dataset_id = dataset_of(hook, 1_500)
    manifest = export(dataset_id, name, compression=compression)
    body = (tmp_path / f"items.{name}").read_bytes()
    assert items_of(name, opened(compression, body)) == expected(
        name, [scenario_item(index, 200) for index in range(1_500)]
    )
    file = {
        "path": str(ObjectStoragePath(str(tmp_path / f"items.{name}"))),
        "items": 1_500,
        "bytes": len(body),
        "sha256": hashlib.sha256(body).hexdigest(),
    }
    assert manifest.to_dict() == {
        **file,
        "format": name,
        "compression": compression,
        "dataset_id": dataset_id,
        "dataset_count": 1,
        "datasets": [{"dataset_id": dataset_id, "items": 1_500}],
        "file_count": 1,
        "files": [file],
    }


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_every_format_counts_its_items(export: Exporting, hook: ApifyHook, tmp_path: Path, name: str) -> None:
    manifest = export(dataset_of(hook, 30), name)
    assert manifest.items == 30
    assert manifest.bytes == (tmp_path / f"items.{name}").stat().st_size


@pytest.mark.parametrize("cap", [None, 400])
@pytest.mark.parametrize("name", ["jsonl", "json", "csv", "parquet"])
@pytest.mark.parametrize(
    ("offset", "limit", "wanted"),
    [
        (10, None, range(10, 1_500)),
        (None, 1_200, range(1_200)),
        (1_400, 500, range(1_400, 1_500)),
        (3, 2, range(3, 5)),
        (2_000, None, range(0)),
    ],
)
def test_a_part_of_a_dataset_is_written_on_its_own(
    export: Exporting,
    hook: ApifyHook,
    apify: LocalApify,
    tmp_path: Path,
    *,
    name: str,
    cap: int | None,
    offset: int | None,
    limit: int | None,
    wanted: range,
) -> None:
    apify.control.settings(max_items_per_request=cap)
    manifest = export(dataset_of(hook, 1_500), name, {"offset": offset, "limit": limit})
    assert manifest.items == len(wanted)
    assert items_of(name, (tmp_path / f"items.{name}").read_bytes()) == expected(
        name, [scenario_item(index, 200) for index in wanted]
    )


@pytest.mark.parametrize("name", ["xlsx", "xml", "rss", "html"])
def test_a_part_fits_into_an_answer_that_the_dataset_would_not(
    export: Exporting, hook: ApifyHook, apify: LocalApify, name: str
) -> None:
    apify.control.settings(max_items_per_request=50)
    assert export(dataset_of(hook, 200), name, {"offset": 120, "limit": 50}).items == 50


def test_a_part_is_counted_before_items_are_filtered(
    export: Exporting, hook: ApifyHook, apify: LocalApify, tmp_path: Path
) -> None:
    dataset_id = pushed(hook, apify, [{"a": 1}, {}, {"a": 2}, {}, {"a": 3}])
    assert export(dataset_id, "jsonl", {"skip_empty": True, "offset": 1, "limit": 2}).items == 1
    assert (tmp_path / "items.jsonl").read_bytes() == b'{"a":2}\n'


def test_a_part_of_the_newest_items(export: Exporting, hook: ApifyHook, tmp_path: Path) -> None:
    export(dataset_of(hook, 20), "jsonl", {"desc": True, "offset": 1, "limit": 2})
    items = items_of("jsonl", (tmp_path / "items.jsonl").read_bytes())
    assert items == [scenario_item(index, 200) for index in (18, 17)]


def test_filtered_documents_do_not_tell_how_many_items_they_hold(
    export: Exporting, hook: ApifyHook, apify: LocalApify
) -> None:
    manifest = export(pushed(hook, apify, [{"a": 1}, {}]), "xml", {"clean": True})
    assert manifest.items is None
    assert manifest.to_dict()["items"] is None


@pytest.mark.parametrize("name", sorted(FORMATS))
@pytest.mark.parametrize("fault", ["cut-body", "end-body-early", "answer", "garbage"])
def test_what_keeps_breaking_leaves_the_old_file(
    export: Exporting, hook: ApifyHook, apify: LocalApify, tmp_path: Path, *, name: str, fault: str
) -> None:
    (tmp_path / f"items.{name}").write_bytes(b"old\n")
    dataset_id = dataset_of(hook, 1_000)
    apify.control.add_fault(fault, path="*/items", times=None, after_bytes=100, status=503)
    with pytest.raises(ApifyError, match=dataset_id) as caught:
        export(dataset_id, name)
    assert caught.value.retryable
    assert [file.name for file in tmp_path.iterdir()] == [f"items.{name}"]
    assert (tmp_path / f"items.{name}").read_bytes() == b"old\n"


@pytest.mark.parametrize("fault", ["cut-body", "end-body-early"])
def test_a_document_that_is_not_the_same_bytes_twice_begins_anew_where_it_broke(
    export: Exporting, hook: ApifyHook, apify: LocalApify, tmp_path: Path, fault: str
) -> None:
    dataset_id = dataset_of(hook, 3_000)
    apify.control.add_fault(fault, path="*/items", times=2, after_bytes=20_000)
    assert export(dataset_id, "xlsx").items == 3_000
    with zipfile.ZipFile(tmp_path / "items.xlsx") as workbook:
        assert workbook.testzip() is None


@pytest.mark.parametrize("name", ["jsonl", "json", "csv", "parquet"])
def test_a_dataset_that_is_deleted_meanwhile_leaves_the_old_file(
    export: Exporting, hook: ApifyHook, apify: LocalApify, tmp_path: Path, name: str
) -> None:
    (tmp_path / f"items.{name}").write_bytes(b"old\n")
    apify.control.settings(max_items_per_request=100)
    dataset_id = dataset_of(hook, 250)
    apify.control.add_fault(
        "answer", path="*/items", skip=1, status=404, error_type="record-not-found", message="Dataset was not found"
    )
    with pytest.raises(ApifyNotFoundError, match="Dataset was not found"):
        export(dataset_id, name)
    assert (tmp_path / f"items.{name}").read_bytes() == b"old\n"


@pytest.mark.parametrize("name", ["jsonl", "json", "csv", "parquet"])
def test_a_count_that_lags_hides_no_items(
    export: Exporting, hook: ApifyHook, apify: LocalApify, tmp_path: Path, name: str
) -> None:
    apify.control.settings(item_count_lag_seconds=60)
    dataset_id = dataset_of(hook, 1_500)
    assert hook.get_dataset(dataset_id).item_count == 0
    assert export(dataset_id, name).items == 1_500
    assert len(items_of(name, (tmp_path / f"items.{name}").read_bytes())) == 1_500


@pytest.mark.parametrize("name", ["jsonl", "json", "csv", "parquet", "xml", "xlsx"])
def test_items_and_a_count_that_both_lag_are_waited_for(
    export: Exporting, hook: ApifyHook, apify: LocalApify, name: str
) -> None:
    hook._connection = replace(hook._connection, cost_settle_seconds=1.5)
    apify.control.settings(items_lag_seconds=1, item_count_lag_seconds=1)
    dataset_id = dataset_of(hook, 30)
    assert hook.get_dataset(dataset_id).item_count == 0
    assert export(dataset_id, name).items == 30


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_items_that_apify_counts_but_never_shows_are_an_error(
    export: Exporting, hook: ApifyHook, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    dataset_id = dataset_of(hook, 10)
    say_that_there_are(15, hook, monkeypatch)
    with pytest.raises(ApifyDataError, match="counts 15 items, but only 10 came"):
        export(dataset_id, name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["jsonl", "json", "csv", "parquet"])
def test_too_few_items_leave_the_old_file(export: Exporting, hook: ApifyHook, tmp_path: Path, name: str) -> None:
    (tmp_path / f"items.{name}").write_bytes(b"old\n")
    dataset_id = dataset_of(hook, 10)
    with pytest.raises(ApifyDataError, match=f"Dataset {dataset_id} has 10 items, fewer than the 11"):
        export(dataset_id, name, min_items=11)
    assert (tmp_path / f"items.{name}").read_bytes() == b"old\n"
    assert [file.name for file in tmp_path.iterdir()] == [f"items.{name}"]
    assert export(dataset_id, name, min_items=10).items == 10


def test_progress_is_told_in_bytes_and_items(export: Exporting, hook: ApifyHook) -> None:
    told: dict[str, int] = {"bytes": 0, "items": 0}

    class Progress:
        def add(self, size: int) -> None:
            told["bytes"] += size

        def reach(self, position: int) -> None:
            told["items"] = position

    manifest = export(dataset_of(hook, 2_500), progress=Progress())
    assert told["bytes"] == manifest.bytes
    assert 1_000 <= told["items"] <= 2_500


def test_a_large_export_takes_few_requests(export: Exporting, hook: ApifyHook, apify: LocalApify) -> None:
    dataset_id = dataset_of(hook, 60_000, 100)
    assert export(dataset_id).items == 60_000
    assert requests_for_items(apify) <= 20
