from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_apify.exceptions import ApifyError
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.models import ActorRun
from airflow_provider_apify.options import Target
from airflow_provider_apify.testing import LocalApify, scenario_item
from airflow_provider_apify.transfers.dataset_to_file import DatasetToFileOperator
from tests.dag_runs import DagRunner

ITEMS = 5
NOT_FOUND: dict[str, Any] = {"status": 404, "error_type": "record-not-found", "times": None}


def run_scenario(**run_input: Any) -> ActorRun:
    """Have a finished run with a dataset."""
    hook = ApifyHook()
    run = hook.start_run(Target("actor", "apify/scenario"), {"items": ITEMS} | run_input)
    return hook.wait_for_run(run.id).run


def write(**arguments: Any) -> DatasetToFileOperator:
    """Make the task of most tests."""
    return DatasetToFileOperator(**({"task_id": "task"} | arguments))


@pytest.mark.parametrize("source", ["run_id", "dataset_id"])
def test_the_items_of_a_run_or_a_dataset_become_a_file(airflow: DagRunner, tmp_path: Path, source: str) -> None:
    run = run_scenario()
    target = tmp_path / "new" / "folder" / "items.jsonl"
    given = {"run_id": run.id, "dataset_id": run.dataset_id}[source]
    outcome = airflow.run_task(write(**{source: given}, path=str(target)))

    body = target.read_bytes()
    assert [json.loads(line) for line in body.splitlines()] == [scenario_item(index) for index in range(ITEMS)]
    assert outcome.xcom() == {
        "path": outcome.xcom()["path"],
        "format": "jsonl",
        "dataset_id": run.dataset_id,
        "items": ITEMS,
        "bytes": len(body),
        "sha256": hashlib.sha256(body).hexdigest(),
    }
    assert outcome.xcom()["path"].endswith(str(target))
    assert list(target.parent.iterdir()) == [target]
    assert f"Wrote {ITEMS} items" in outcome.log


def test_a_json_file_is_one_array(airflow: DagRunner, tmp_path: Path) -> None:
    run = run_scenario()
    outcome = airflow.run_task(write(run_id=run.id, path=str(tmp_path / "items.json")))

    assert json.loads((tmp_path / "items.json").read_bytes()) == [scenario_item(index) for index in range(ITEMS)]
    assert outcome.xcom()["format"] == "json"


def test_a_csv_file_has_a_header_and_no_byte_order_mark(airflow: DagRunner, tmp_path: Path) -> None:
    run = run_scenario()
    airflow.run_task(write(run_id=run.id, path=str(tmp_path / "items.csv"), fields=["title", "id"]))

    text = (tmp_path / "items.csv").read_text()
    assert text.startswith("title,id\n")
    assert [row["id"] for row in csv.DictReader(text.splitlines())] == [str(index) for index in range(ITEMS)]


def test_the_format_may_be_named_and_fields_left_out(airflow: DagRunner, tmp_path: Path) -> None:
    run = run_scenario()
    target = tmp_path / "{{ params.name }}"
    airflow.run_task(
        write(run_id=run.id, path=str(target), file_format="jsonl", omit=["text", "url"]),
        params={"name": "items.data"},
    )

    first = json.loads((tmp_path / "items.data").read_bytes().splitlines()[0])
    assert first.keys() == {"id", "title", "price"}


def test_items_change_shape_as_templates_say(airflow: DagRunner, tmp_path: Path) -> None:
    airflow.run_task(
        write(
            run_id=run_scenario().id,
            path=str(tmp_path / "items.jsonl"),
            fields="{{ params.fields | join(',') }}",
            output_fields=["name", "{{ params.number }}"],
            desc="{{ params.newest_first }}",
        ),
        params={"fields": ["title", "id"], "number": "no", "newest_first": True},
    )

    items = [json.loads(line) for line in (tmp_path / "items.jsonl").read_bytes().splitlines()]
    assert items == [{"name": f"Product {index}", "no": index} for index in reversed(range(ITEMS))]


def test_a_mistake_that_a_template_hid_fails_the_task_for_good(airflow: DagRunner, tmp_path: Path) -> None:
    outcome = airflow.run_task(
        write(
            run_id=run_scenario().id,
            path=str(tmp_path / "items.jsonl"),
            fields=["title"],
            output_fields="{{ params.names }}",
            retries=3,
        ),
        params={"names": "name,no"},
    )

    assert isinstance(outcome.error, AirflowFailException)
    assert "output_fields are new names of fields, one for each, not 2 for 1" in str(outcome.error)
    assert list(tmp_path.iterdir()) == []


def test_an_empty_dataset_becomes_an_empty_file(airflow: DagRunner, tmp_path: Path) -> None:
    outcome = airflow.run_task(write(run_id=run_scenario(items=0).id, path=str(tmp_path / "items.jsonl")))

    assert (tmp_path / "items.jsonl").read_bytes() == b""
    assert outcome.xcom()["items"] == 0


def test_a_rerun_replaces_the_file(airflow: DagRunner, tmp_path: Path) -> None:
    target = tmp_path / "items.jsonl"
    target.write_text("what an earlier run has written\n" * 1000)
    run = run_scenario()
    outcomes = [airflow.run_task(write(run_id=run.id, path=str(target))) for _ in range(2)]

    assert len(target.read_bytes().splitlines()) == ITEMS
    assert outcomes[0].xcom() == outcomes[1].xcom()


def test_a_run_that_still_goes_on_is_refused(airflow: DagRunner, tmp_path: Path) -> None:
    run = ApifyHook().start_run(Target("actor", "apify/scenario"), {"durationSecs": 600})
    outcome = airflow.run_task(write(run_id=run.id, path=str(tmp_path / "items.jsonl"), retries=3))

    assert isinstance(outcome.error, AirflowFailException)
    assert "its dataset is not complete. Wait for it, for example with ApifyRunSensor" in str(outcome.error)
    assert list(tmp_path.iterdir()) == []


def test_a_dataset_that_no_longer_exists_fails_the_task_and_leaves_the_old_file(
    airflow: DagRunner, tmp_path: Path
) -> None:
    target = tmp_path / "items.jsonl"
    target.write_text("old")
    outcome = airflow.run_task(write(dataset_id="deletedLongAgo", path=str(target), retries=3))

    assert isinstance(outcome.error, AirflowFailException)
    assert "unnamed storages are deleted some days after their run" in str(outcome.error)
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_target_that_cannot_be_written_fails_the_task_with_the_reason(airflow: DagRunner, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    outcome = airflow.run_task(write(run_id=run_scenario().id, path=str(tmp_path / "file" / "items.jsonl")))

    assert isinstance(outcome.error, ApifyError)
    assert f"Cannot write {tmp_path}/file/items.jsonl" in str(outcome.error)
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


def test_an_unknown_scheme_fails_the_task_for_good(airflow: DagRunner) -> None:
    outcome = airflow.run_task(write(run_id=run_scenario().id, path="nosuch://bucket/items.jsonl", retries=3))

    assert isinstance(outcome.error, AirflowFailException)
    assert "nosuch" in str(outcome.error)


def test_pages_that_keep_breaking_leave_the_old_file(apify: LocalApify, airflow: DagRunner, tmp_path: Path) -> None:
    target = tmp_path / "items.jsonl"
    target.write_text("old")
    run = run_scenario()
    apify.control.add_fault("answer", path="/v2/datasets/*/items", **NOT_FOUND)
    outcome = airflow.run_task(write(run_id=run.id, path=str(target)))

    assert outcome.task_state() == "failed"
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_page_that_breaks_in_the_middle_is_read_again(apify: LocalApify, airflow: DagRunner, tmp_path: Path) -> None:
    run = run_scenario()
    apify.control.add_fault("cut-body", path="/v2/datasets/*/items", after_bytes=700)
    airflow.run_task(write(run_id=run.id, path=str(tmp_path / "items.jsonl")))

    lines = (tmp_path / "items.jsonl").read_bytes().splitlines()
    assert [json.loads(line) for line in lines] == [scenario_item(index) for index in range(ITEMS)]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"path": "items.jsonl"}, "Give exactly one of dataset_id and run_id"),
        ({"run_id": "a", "dataset_id": "b", "path": "items.jsonl"}, "Give exactly one of dataset_id and run_id"),
        ({"run_id": "a", "path": ""}, "path is ''. Give a local path that begins with '/', or a URL"),
        ({"run_id": "a", "path": "here/items.csv"}, "path is 'here/items.csv'. Give a local path"),
        (
            {"run_id": "a", "path": "/items.xlsx"},
            "'xlsx' is no format of a file. Give file_format as one of",
        ),
        ({"run_id": "a", "path": "/items", "file_format": "parquet"}, "'parquet' is no format"),
        ({"run_id": "a", "path": "/items.csv", "delimiter": "tab"}, "delimiter must be one character"),
        ({"run_id": "a", "path": "/items.json", "delimiter": ";"}, "delimiter is for csv only, but the file is json"),
        ({"run_id": "a", "path": "/{{ ds }}.csv", "clean": True, "skip_empty": False}, "clean=True includes"),
    ],
)
def test_wrong_arguments_are_refused_when_the_dag_is_parsed(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        write(**arguments)
