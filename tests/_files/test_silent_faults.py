"""Answers whose form is right and whose content is not: nothing of them is written, and nothing is lost in silence."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import ObjectStoragePath
from packaging.requirements import Requirement

from airflow_provider_apify._files.dataset import plan, walk
from airflow_provider_apify._files.dataset.plan import Plan
from airflow_provider_apify._files.export import Export, Manifest
from airflow_provider_apify._files.formats.registry import FORMATS
from airflow_provider_apify._files.heads import Head
from airflow_provider_apify._files.query import ItemsQuery
from airflow_provider_apify.exceptions import ApifyDataError
from airflow_provider_apify.hooks.apify import ApifyHook
from local_apify import LocalApify, scenario_item
from tests._files.material import dataset_of, push, pushed

COUNT, SAMPLE = 1_000, 100
ITEMS = [scenario_item(index, 200) for index in range(COUNT)]
ERROR_PAGE = "<html>\n<head><title>502 Bad Gateway</title></head>\n</html>\n"
SILENT: list[dict[str, Any]] = [
    {"action": "foreign-lines", "text": ERROR_PAGE, "after_bytes": 5_000},
    {"action": "foreign-lines", "text": "\n", "after_bytes": 5_000},
    {"action": "foreign-lines", "text": "\n", "after_bytes": 0},
    {"action": "other-page", "offset": 0},
    {"action": "other-page", "offset": 300},
    {"action": "empty-page"},
    {"action": "end-between-lines", "after_bytes": 5_000},
    {"action": "end-of-connection", "after_bytes": 5_000},
    {"action": "doubled-headers"},
]
Exporting = Callable[..., Manifest]


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (plan, walk):
        monkeypatch.setattr(module, "SAMPLE_ITEMS", SAMPLE)
    monkeypatch.setattr("airflow_provider_apify._files.formats.csv_union._MOST_PAGE_ITEMS", 2 * SAMPLE)
    monkeypatch.setattr("airflow_provider_apify._files.dataset.pulling._PAGE_ITEMS", 2 * SAMPLE)


@pytest.fixture
def export(hook: ApifyHook, tmp_path: Path) -> Exporting:
    def run(dataset_id: str, name: str, **values: Any) -> Manifest:
        target, query = ObjectStoragePath(str(tmp_path / f"items.{name}")), ItemsQuery.parse(values)
        return Export(hook, [dataset_id], lambda _part: target, FORMATS[name], query).run()

    return run


def read(name: str, path: Path) -> list[Any]:
    if name == "csv":
        return list(csv.DictReader(io.StringIO(path.read_bytes().decode(), newline="")))
    return [json.loads(line) for line in path.read_bytes().split(b"\n")[:-1]]


def expected(name: str) -> list[Any]:
    return [{key: str(value) for key, value in item.items()} for item in ITEMS] if name == "csv" else ITEMS


@pytest.mark.parametrize("fault", SILENT)
@pytest.mark.parametrize("connections", [1, 4])
def test_lines_are_all_there_and_nothing_else(
    hook: ApifyHook,
    apify: LocalApify,
    export: Exporting,
    tmp_path: Path,
    *,
    monkeypatch: pytest.MonkeyPatch,
    fault: dict[str, Any],
    connections: int,
) -> None:
    monkeypatch.setattr(walk, "choose", lambda *_, **__: Plan(connections, compressed=connections > 1))
    monkeypatch.setattr(plan.Pace, "pays", True)
    dataset_id = dataset_of(hook, COUNT)
    apify.control.add_fault(path="*/items", skip=1, times=2, **fault)
    assert export(dataset_id, "jsonl").items == COUNT
    assert read("jsonl", tmp_path / "items.jsonl") == ITEMS


@pytest.mark.parametrize("fault", SILENT)
@pytest.mark.parametrize("cap", [None, 2 * SAMPLE])
def test_rows_are_all_there_and_nothing_else(
    hook: ApifyHook, apify: LocalApify, export: Exporting, tmp_path: Path, *, fault: dict[str, Any], cap: int | None
) -> None:
    apify.control.settings(max_items_per_request=cap)
    dataset_id = dataset_of(hook, COUNT)
    apify.control.add_fault(path="*/items", skip=2 if cap else 0, times=2, **fault)
    assert export(dataset_id, "csv").items == COUNT
    assert read("csv", tmp_path / "items.csv") == expected("csv")


@pytest.mark.parametrize("name", ["csv", "xml", "html", "xlsx"])
def test_a_document_is_written_once_where_a_total_sees_more_than_the_answers(
    hook: ApifyHook, export: Exporting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """One replica counts an item that no other gives."""
    dataset_id = dataset_of(hook, COUNT)
    export(dataset_id, name)
    wanted = (tmp_path / f"items.{name}").stat().st_size
    read_head, totals = Head.of, iter([COUNT + 1])

    def see_more(headers: Mapping[str, str]) -> Head:
        head = read_head(headers)
        return replace(head, total=next(totals, head.total)) if head.scanned == COUNT else head

    monkeypatch.setattr(Head, "of", see_more)
    assert export(dataset_id, name).items in (COUNT, None)
    assert abs((tmp_path / f"items.{name}").stat().st_size - wanted) < 10  # a workbook tells when it was made


@pytest.mark.parametrize("fault", SILENT)
def test_items_that_are_pulled_are_all_there_and_nothing_else(
    hook: ApifyHook, apify: LocalApify, fault: dict[str, Any]
) -> None:
    dataset_id = dataset_of(hook, COUNT)
    apify.control.add_fault(path="*/items", skip=1, times=2, **fault)
    assert list(hook.iterate_items(dataset_id)) == ITEMS


@pytest.mark.parametrize("name", ["jsonl", "csv"])
def test_an_empty_page_is_no_end_where_its_own_total_says_more_though_the_count_lags(
    hook: ApifyHook, apify: LocalApify, export: Exporting, tmp_path: Path, name: str
) -> None:
    dataset_id = dataset_of(hook, COUNT)
    apify.control.settings(max_items_per_request=2 * SAMPLE)
    apify.control.add_fault("change-field", path=f"/v2/datasets/{dataset_id}", times=None, field="itemCount", value=300)
    apify.control.add_fault("empty-page", path="*/items", skip=3)
    assert export(dataset_id, name).items == COUNT
    assert read(name, tmp_path / f"items.{name}") == expected(name)


@pytest.mark.parametrize("name", ["csv", "jsonl"])
def test_the_last_row_or_line_is_whole_where_no_length_is_told(
    hook: ApifyHook, apify: LocalApify, export: Exporting, tmp_path: Path, name: str
) -> None:
    items = [{"id": str(number), "title": f"item number {number}"} for number in range(400)]
    dataset_id = pushed(hook, apify, items)
    export(dataset_id, name)
    size = (tmp_path / f"items.{name}").stat().st_size
    for cut in (1, 4, 5, 10, 16):
        apify.control.add_fault("end-of-connection", path="*/items", after_bytes=size - cut)
        export(dataset_id, name)
        assert read(name, tmp_path / f"items.{name}") == items


def test_clean_items_that_are_missing_between_two_lines_are_counted_by_apify(
    hook: ApifyHook, apify: LocalApify, export: Exporting, tmp_path: Path
) -> None:
    dataset_id = pushed(hook, apify, [{"#hidden": 1}] * 5 + [{"a": number} for number in range(50)])
    apify.control.add_fault("end-between-lines", path="*/items", after_bytes=200)
    with pytest.raises(ApifyDataError, match="counts 50 clean items, but only"):
        export(dataset_id, "jsonl", clean=True)
    assert list(tmp_path.iterdir()) == []
    assert export(dataset_id, "jsonl", clean=True).items == 50


@pytest.mark.parametrize("name", ["csv", "html"])
def test_a_table_that_broke_and_then_seems_empty_is_not_appended_to_what_was_taken(
    hook: ApifyHook, apify: LocalApify, export: Exporting, tmp_path: Path, name: str
) -> None:
    dataset_id = dataset_of(hook, COUNT)
    export(dataset_id, name)
    whole = (tmp_path / f"items.{name}").read_bytes()
    skip = 0 if name == "csv" else 1  # its header is looked at before
    apify.control.add_fault("end-of-connection", path="*/items", skip=skip, after_bytes=500)
    apify.control.add_fault("empty-page", path="*/items", skip=skip)
    assert export(dataset_id, name).items == COUNT
    assert (tmp_path / f"items.{name}").read_bytes() == whole


@pytest.mark.parametrize("field", ["itemCount", "id"])
def test_a_description_without_a_field_that_counts_is_asked_for_again(
    hook: ApifyHook, apify: LocalApify, field: str
) -> None:
    dataset_id = dataset_of(hook, 10)
    apify.control.add_fault("change-field", path=f"/v2/datasets/{dataset_id}", times=2, field=field)
    assert hook.get_settled_dataset(dataset_id).item_count == 10
    apify.control.add_fault("change-field", path=f"/v2/datasets/{dataset_id}", times=2, field=field)
    assert hook.get_dataset(dataset_id).item_count == 10


def test_newest_first_of_one_answer_is_of_one_moment(hook: ApifyHook, apify: LocalApify, export: Exporting) -> None:
    dataset_id = dataset_of(hook, 100)
    assert export(dataset_id, "csv", desc=True).items == 100
    push(apify, dataset_id, [{"late": True}])
    assert export(dataset_id, "csv", desc=True).items == 101


def test_an_http_library_that_takes_a_cut_body_for_whole_is_not_installed_with_the_package() -> None:
    needed = [Requirement(each) for each in metadata.requires("airflow-provider-apify") or ()]
    assert ["1.26.20" in each.specifier for each in needed if each.name == "urllib3"] == [False]


def test_the_hook_reads_without_loading_what_writes_files() -> None:
    program = (
        "import sys, airflow_provider_apify.hooks.apify;"
        "print(*[name for name in sys.modules if name.startswith('airflow_provider_apify._files.')], sep='\\n')"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)  # noqa: S603 - as it is here
    loaded = {name.removeprefix("airflow_provider_apify._files.").partition(".")[0] for name in run.stdout.splitlines()}
    assert "dataset" in loaded
    assert loaded.isdisjoint({"sinks", "formats", "loading", "export", "split", "bodies"})
