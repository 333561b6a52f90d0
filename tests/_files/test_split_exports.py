"""A dataset split into parts: all items in order, and a later attempt goes on behind the finished ones."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_apify._files.split import Done, Split, WrittenFile
from airflow_provider_apify.exceptions import ApifyDataError, ApifyError
from airflow_provider_apify.hooks.apify import ApifyHook
from local_apify import LocalApify, scenario_item
from tests._files.material import Exporting, dataset_of, items_of, opened, requests_for_items


def test_a_split_part_of_a_dataset_can_be_gone_on_with(export: Exporting, hook: ApifyHook, tmp_path: Path) -> None:
    dataset_id, query = dataset_of(hook, 100), {"offset": 10, "limit": 35}
    first = export(dataset_id, "jsonl", query, split=Split(20, None)).files
    manifest = export(dataset_id, "jsonl", query, split=Split(20, None), done=Done(first[:1]))
    assert [file.items for file in manifest.files] == [20, 15]
    assert items_of("jsonl", (tmp_path / "1.jsonl").read_bytes()) == [scenario_item(at, 200) for at in range(30, 45)]


def test_too_few_items_of_a_split_export_leave_old_parts_that_were_not_reached(
    export: Exporting, hook: ApifyHook, tmp_path: Path
) -> None:
    for number in range(3):
        (tmp_path / f"{number}.jsonl").write_bytes(b"old\n")
    with pytest.raises(ApifyDataError, match="has 0 items, fewer than the 1 that"):
        export(dataset_of(hook, 0), split=Split(items=5), min_items=1)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["0.jsonl", "1.jsonl", "2.jsonl"]
    assert (tmp_path / "0.jsonl").read_bytes() == b"old\n"


def test_a_split_export_of_too_few_items_replaces_none_of_the_old_parts(
    export: Exporting, hook: ApifyHook, apify: LocalApify, tmp_path: Path
) -> None:
    for number in range(3):
        (tmp_path / f"{number}.jsonl").write_bytes(b"old\n")
    dataset_id = dataset_of(hook, 10)
    with pytest.raises(ApifyDataError, match=f"Dataset {dataset_id} has 10 items, fewer than the 11 that"):
        export(dataset_id, split=Split(items=5), min_items=11)
    assert [(tmp_path / f"{number}.jsonl").read_bytes() for number in range(3)] == [b"old\n"] * 3
    assert requests_for_items(apify) == 0


def test_a_split_export_whose_count_lags_is_not_taken_for_too_small(
    export: Exporting, hook: ApifyHook, apify: LocalApify
) -> None:
    hook._connection = replace(hook._connection, cost_settle_seconds=1.5)
    apify.control.settings(item_count_lag_seconds=1)
    dataset_id = dataset_of(hook, 10)
    counted = hook.get_dataset(dataset_id).item_count
    assert export(dataset_id, split=Split(items=5), min_items=10, counted=counted).items == 10


def test_a_split_export_is_checked_in_the_end_where_only_filters_tell_how_many_items_there_are(
    export: Exporting, hook: ApifyHook
) -> None:
    with pytest.raises(ApifyDataError, match="has 10 items, fewer than the 11 that"):
        export(dataset_of(hook, 10), query={"clean": True}, split=Split(items=5), min_items=11)


@pytest.mark.parametrize("name", ["jsonl", "json"])
@pytest.mark.parametrize("split", [Split(items=400), Split(size=100_000), Split(items=400, size=50_000)])
@pytest.mark.parametrize("compression", [None, "gzip"])
def test_parts_hold_all_items_in_order(
    export: Exporting, hook: ApifyHook, tmp_path: Path, *, name: str, split: Split, compression: str | None
) -> None:
    manifest = export(dataset_of(hook, 1_500), name, split=split, compression=compression)
    bodies = [(tmp_path / f"{number}.{name}").read_bytes() for number in range(len(manifest.files))]
    parts = [items_of(name, opened(compression, body)) for body in bodies]
    assert [item for part in parts for item in part] == [scenario_item(index, 200) for index in range(1_500)]
    assert [file.items for file in manifest.files] == [len(part) for part in parts]
    assert [file.sha256 for file in manifest.files] == [hashlib.sha256(body).hexdigest() for body in bodies]
    assert len(parts) > 1
    assert all(len(part) <= (split.items or 1_500) for part in parts)
    assert manifest.items == 1_500
    assert (manifest.to_dict()["path"], manifest.to_dict()["sha256"]) == (None, None)


@pytest.mark.parametrize(("name", "body"), [("jsonl", b""), ("json", b"[]\n")])
def test_a_split_export_of_nothing_is_one_empty_file(
    export: Exporting, hook: ApifyHook, tmp_path: Path, name: str, body: bytes
) -> None:
    manifest = export(dataset_of(hook, 0), name, split=Split(items=5))
    assert [file.items for file in manifest.files] == [0]
    assert (tmp_path / f"0.{name}").read_bytes() == body


def noted_until_it_breaks(export: Exporting, apify: LocalApify, dataset_id: str, **options: Any) -> Done:
    """Export in parts of 400 from a dataset whose fourth answer never comes; return what was noted."""
    apify.control.settings(max_items_per_request=300)
    apify.control.add_fault("answer", path="*/items", status=503, times=None, skip=3)
    noted = [Done()]

    def note(done: Done) -> None:
        noted[0] = done

    with pytest.raises(ApifyError, match="503"):
        export(dataset_id, split=Split(items=400), note=note, **options)
    apify.control.clear_faults()
    return noted[0]


def test_a_later_attempt_goes_on_behind_the_parts_that_are_finished(
    export: Exporting, hook: ApifyHook, apify: LocalApify, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    dataset_id = dataset_of(hook, 1_500)
    noted = noted_until_it_breaks(export, apify, dataset_id)
    assert [file.items for file in noted.files] == [400, 400]
    before = apify.control.ledger().items_delivered[dataset_id]
    manifest = export(dataset_id, split=Split(items=400), done=noted)
    assert "has finished: 2, with 800 items. Going on with item 801, in " in caplog.text
    assert apify.control.ledger().items_delivered[dataset_id] - before == 700
    assert [file.items for file in manifest.files] == [400, 400, 400, 300]
    bodies = [(tmp_path / f"{number}.jsonl").read_bytes() for number in range(4)]
    assert items_of("jsonl", b"".join(bodies)) == [scenario_item(index, 200) for index in range(1_500)]
    assert [file.sha256 for file in manifest.files] == [hashlib.sha256(body).hexdigest() for body in bodies]


@pytest.mark.parametrize("query", [{"clean": True}, {"desc": True}])
def test_a_later_attempt_begins_anew_where_finished_parts_do_not_tell_how_far_they_reach(
    export: Exporting, hook: ApifyHook, tmp_path: Path, query: dict[str, Any]
) -> None:
    dataset_id = dataset_of(hook, 1_500)
    done = Done([WrittenFile("elsewhere", 400, 1, "digest")])
    manifest = export(dataset_id, query=query, split=Split(items=400), done=done)
    assert [file.items for file in manifest.files] == [400, 400, 400, 300]
    bodies = [(tmp_path / f"{number}.jsonl").read_bytes() for number in range(4)]
    ids = [item["id"] for item in items_of("jsonl", b"".join(bodies))]
    assert ids == (list(range(1_500)) if "clean" in query else list(reversed(range(1_500))))
