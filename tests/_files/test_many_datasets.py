"""Several datasets as one file: all items of each, in order, or nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airflow_provider_apify._files.dataset.resuming import BodyHasChanged
from airflow_provider_apify._files.export import Manifest
from airflow_provider_apify._files.split import Done, Split
from airflow_provider_apify.exceptions import ApifyDataError, ApifyError, ApifyLostColumnsError
from airflow_provider_apify.hooks.apify import ApifyHook
from local_apify import LocalApify, scenario_item
from tests._files.material import Exporting, dataset_of, items_of, opened, push, pushed, rows_of

NAMES = ("jsonl", "json", "csv", "parquet")
SIZES = (3, 0, 1_200, 5)


@pytest.fixture
def dataset_ids(hook: ApifyHook) -> list[str]:
    return [dataset_of(hook, size) for size in SIZES]


def shaped(name: str, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: str(value) for key, value in item.items()} for item in items] if name == "csv" else items


ALL_ITEMS = [scenario_item(index, 200) for size in SIZES for index in range(size)]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("compression", [None, "gzip"])
def test_all_items_of_all_datasets_are_in_one_file_in_order(
    export: Exporting, dataset_ids: list[str], tmp_path: Path, name: str, compression: str | None
) -> None:
    manifest = export(dataset_ids, name, compression=compression)
    body = opened(compression, (tmp_path / f"items.{name}").read_bytes())
    assert items_of(name, body) == shaped(name, ALL_ITEMS)
    assert (manifest.items, [each.items for each in manifest.datasets]) == (1_208, list(SIZES))
    assert [each.dataset_id for each in manifest.datasets] == dataset_ids


@pytest.mark.parametrize("name", NAMES)
def test_a_list_of_one_dataset_is_the_file_of_that_dataset(
    export: Exporting, hook: ApifyHook, tmp_path: Path, name: str
) -> None:
    dataset_id = dataset_of(hook, 50)
    alone, listed = export(dataset_id, name), export([dataset_id], name)
    assert alone == listed
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(("name", "body"), [("jsonl", b""), ("json", b"[]\n"), ("csv", b"")])
def test_datasets_that_are_all_empty_become_the_file_of_an_empty_one(
    export: Exporting, hook: ApifyHook, tmp_path: Path, name: str, body: bytes
) -> None:
    manifest = export([dataset_of(hook, 0), dataset_of(hook, 0)], name)
    assert (tmp_path / f"items.{name}").read_bytes() == body
    assert [each.items for each in manifest.datasets] == [0, 0]


def test_the_columns_of_csv_are_those_of_all_datasets(
    export: Exporting, hook: ApifyHook, apify: LocalApify, tmp_path: Path
) -> None:
    datasets: list[list[dict[str, Any]]] = [
        [{"a": 1, "b": "x\ny"}, {"a": 2}],
        [],
        [{"c": {"d": 3}, "a": 4}],
        [{}],
        [{"b": 'say "so"'}],
    ]
    manifest = export([pushed(hook, apify, items) for items in datasets], "csv")
    header, *rows = rows_of((tmp_path / "items.csv").read_bytes())
    assert header == ["a", "b", "c/d"]
    assert rows == [["1", "x\ny", ""], ["2", "", ""], ["4", "", "3"], ["", "", ""], ["", 'say "so"', ""]]
    assert [each.items for each in manifest.datasets] == [2, 0, 1, 1, 1]


@pytest.mark.parametrize("has_header", [True, False])
def test_csv_of_several_datasets_has_one_header_and_one_mark_or_none(
    export: Exporting, hook: ApifyHook, tmp_path: Path, *, has_header: bool
) -> None:
    query = {"fields": ["id", "title"], "bom": True, "delimiter": ";", "skip_header_row": not has_header}
    export([dataset_of(hook, 2), dataset_of(hook, 1)], "csv", query)
    rows = (tmp_path / "items.csv").read_bytes().decode().splitlines()
    header = ["id;title"] if has_header else []
    wanted = [*header, "0;Product 0", "1;Product 1", "0;Product 0"]
    assert rows == ["\ufeff" + wanted[0], *wanted[1:]]


def test_columns_that_apify_may_have_left_out_of_one_dataset_fail_the_table(
    export: Exporting, hook: ApifyHook, apify: LocalApify, tmp_path: Path
) -> None:
    wide = pushed(hook, apify, [{f"column {number}": number for number in range(2_001)}])
    with pytest.raises(ApifyLostColumnsError, match="2,000 columns, the most that Apify gives"):
        export([dataset_of(hook, 2), wide], "csv")
    long = pushed(hook, apify, [{"x" * 201: 1}])
    with pytest.raises(ApifyLostColumnsError, match="201 characters"):
        export([dataset_of(hook, 2), long], "csv")
    assert list(tmp_path.iterdir()) == []


def test_parquet_of_several_datasets_has_one_schema(
    export: Exporting, hook: ApifyHook, apify: LocalApify, tmp_path: Path
) -> None:
    datasets: list[list[dict[str, Any]]] = [[{"n": 1, "s": "x"}], [{"n": 2.5, "o": {"k": 1}}], [], [{"s": None}]]
    manifest = export([pushed(hook, apify, items) for items in datasets], "parquet")
    assert items_of("parquet", (tmp_path / "items.parquet").read_bytes()) == [
        {"n": 1.0, "s": "x", "o": None},
        {"n": 2.5, "s": None, "o": {"k": 1}},
        {"n": None, "s": None, "o": None},
    ]
    assert [each.items for each in manifest.datasets] == [1, 1, 0, 1]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("query", [{"clean": True}, {"unwind": "l"}])
def test_filters_apply_to_each_dataset(
    export: Exporting, hook: ApifyHook, apify: LocalApify, tmp_path: Path, *, name: str, query: dict[str, Any]
) -> None:
    items = [{"a": 1, "l": [{"b": 1}, {"b": 2}]}, {"#h": 1, "a": 2, "l": [{"b": 3}]}]
    manifest = export([pushed(hook, apify, items), pushed(hook, apify, items[:1])], name, query)
    found = items_of(name, (tmp_path / f"items.{name}").read_bytes())
    counts = [2, 1] if "clean" in query else [3, 2]
    assert [each.items for each in manifest.datasets] == counts
    assert len(found) == sum(counts)
    assert [int(each["a"]) for each in found] == ([1, 2, 1] if "clean" in query else [1, 1, 2, 1, 1])


@pytest.mark.parametrize("name", NAMES)
def test_where_one_dataset_fails_nothing_is_written(
    export: Exporting, dataset_ids: list[str], apify: LocalApify, tmp_path: Path, name: str
) -> None:
    target = tmp_path / f"items.{name}"
    target.write_bytes(b"of yesterday")
    apify.control.add_fault("answer", path=f"/v2/datasets/{dataset_ids[2]}/items", status=503, times=None)
    with pytest.raises(ApifyError, match="503"):
        export(dataset_ids, name)
    assert (target.read_bytes(), list(tmp_path.iterdir())) == (b"of yesterday", [target])


@pytest.mark.parametrize("name", NAMES)
def test_items_that_apify_counts_in_one_dataset_must_come(
    export: Exporting, dataset_ids: list[str], apify: LocalApify, tmp_path: Path, name: str
) -> None:
    apify.control.add_fault(
        "change-field", path=f"/v2/datasets/{dataset_ids[1]}", field="itemCount", value=7, times=None
    )
    with pytest.raises(ApifyDataError, match=f"Dataset {dataset_ids[1]} counts 7 items, but only 0 came"):
        export(dataset_ids, name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("split", [None, Split(items=2)])
def test_too_few_items_are_counted_over_all_datasets(
    export: Exporting, hook: ApifyHook, tmp_path: Path, split: Split | None
) -> None:
    dataset_ids, options = [dataset_of(hook, 2), dataset_of(hook, 3)], {"split": split} if split else {}
    with pytest.raises(ApifyDataError, match="The 2 datasets have 5 items, fewer than the 6 that the task wants"):
        export(dataset_ids, min_items=6, **options)
    assert list(tmp_path.iterdir()) == []
    assert export(dataset_ids, min_items=5, **options).items == 5


def test_a_dataset_that_changes_while_it_is_read_is_told_as_one_of_several(
    export: Exporting, hook: ApifyHook, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_items(*_: Any, **__: Any) -> None:
        raise BodyHasChanged

    monkeypatch.setattr(hook, "_read_items", read_items)
    with pytest.raises(ApifyError, match="One of 2 datasets as jsonl changes while it is read"):
        export([dataset_of(hook, 2), dataset_of(hook, 2)])


class Reached:
    """Keeps how far an export was."""

    def __init__(self) -> None:
        self.positions: list[int] = []

    def add(self, size: int, /) -> None:
        pass

    def reach(self, position: int, /) -> None:
        self.positions.append(position)


def test_progress_goes_on_from_dataset_to_dataset(export: Exporting, dataset_ids: list[str]) -> None:
    progress = Reached()
    export(dataset_ids, progress=progress)
    assert progress.positions == sorted(progress.positions)
    assert progress.positions[-1] >= sum(SIZES[:-1])


@pytest.mark.parametrize("name", ["jsonl", "json"])
@pytest.mark.parametrize("split", [Split(items=4), Split(items=100), Split(size=20_000)])
def test_parts_run_on_from_dataset_to_dataset(
    export: Exporting, dataset_ids: list[str], tmp_path: Path, name: str, split: Split
) -> None:
    manifest = export(dataset_ids, name, split=split)
    bodies = [(tmp_path / f"{number}.{name}").read_bytes() for number in range(len(manifest.files))]
    assert [item for body in bodies for item in items_of(name, body)] == ALL_ITEMS
    assert [each.items for each in manifest.datasets] == list(SIZES)


def exported_and_noted(export: Exporting, dataset_ids: list[str], split: Split) -> tuple[Manifest, list[Done]]:
    """Export, and return what was noted after each file."""
    noted: list[Done] = []

    def note(done: Done) -> None:
        noted.append(Done(list(done.files), list(done.counts)))  # what it is told of goes on growing

    return export(dataset_ids, split=split, note=note), noted


@pytest.mark.parametrize("size", [2, 3, 4, 100, 1_203])
@pytest.mark.parametrize("kept", [1, 2, 3])
def test_a_later_attempt_goes_on_in_the_dataset_where_the_finished_parts_end(
    export: Exporting, dataset_ids: list[str], apify: LocalApify, tmp_path: Path, *, size: int, kept: int
) -> None:
    wanted, noted = exported_and_noted(export, dataset_ids, Split(items=size))
    done = noted[min(kept, len(noted)) - 1]
    before = sum(apify.control.ledger().items_delivered.values())
    manifest = export(dataset_ids, split=Split(items=size), done=done)

    bodies = [(tmp_path / f"{number}.jsonl").read_bytes() for number in range(len(manifest.files))]
    assert items_of("jsonl", b"".join(bodies)) == ALL_ITEMS
    assert (manifest.files, manifest.datasets) == (wanted.files, wanted.datasets)
    assert sum(apify.control.ledger().items_delivered.values()) - before == 1_208 - done.items


def test_a_dataset_that_has_grown_since_it_was_finished_is_not_gone_on_with(
    export: Exporting, hook: ApifyHook, apify: LocalApify, tmp_path: Path
) -> None:
    dataset_ids = [dataset_of(hook, 6), dataset_of(hook, 6)]
    _, (_, done, _) = exported_and_noted(export, dataset_ids, Split(items=4))
    assert (done.items, done.counts, done.start) == (8, [6], 2)
    Path(tmp_path / "2.jsonl").unlink()
    push(apify, dataset_ids[0], [{"id": "late"}])
    manifest = export(dataset_ids, split=Split(items=4), done=done)

    bodies = [(tmp_path / f"{number}.jsonl").read_bytes() for number in range(3)]
    assert [item["id"] for item in items_of("jsonl", b"".join(bodies))] == [*range(6), *range(6)]
    assert [each.items for each in manifest.datasets] == [6, 6]
