from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import zstandard
from airflow.providers.common.compat.sdk import DAG, AirflowFailException, task

from airflow_provider_apify.exceptions import ApifyDataError, ApifyError
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.models.runs import ActorRun
from airflow_provider_apify.options import RetryPolicy, Target
from airflow_provider_apify.transfers.dataset_to_file import DatasetToFileOperator
from local_apify import LocalApify, scenario_item
from tests.dag_runs import AIRFLOW_VERSION, DagRunner

ITEMS = 5
REMEMBERS = not AIRFLOW_VERSION.startswith(("2.", "3.0.", "3.1.", "3.2."))
NOT_FOUND: dict[str, Any] = {"status": 404, "error_type": "record-not-found", "times": None}


def run_scenario(**run_input: Any) -> ActorRun:
    """Have a finished run with a dataset."""
    hook = ApifyHook()
    run = hook.start_run(Target("actor", "apify/scenario"), {"items": ITEMS} | run_input)
    return hook.wait_for_run(run.id).run


def zstd_opened(body: bytes) -> bytes:
    return zstandard.ZstdDecompressor().decompressobj().decompress(body)


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
    file = {
        "path": outcome.xcom()["path"],
        "items": ITEMS,
        "bytes": len(body),
        "sha256": hashlib.sha256(body).hexdigest(),
    }
    assert outcome.xcom() == {
        **file,
        "format": "jsonl",
        "compression": None,
        "dataset_id": run.dataset_id,
        "run_id": run.id,
        "fields": ["id", "url", "title", "price", "text"],
        "dataset_count": 1,
        "datasets": [{"dataset_id": run.dataset_id, "items": ITEMS, "name": None, "run_id": run.id}],
        "file_count": 1,
        "files": [file],
    }
    assert outcome.xcom()["path"].endswith(str(target))
    assert list(target.parent.iterdir()) == [target]
    assert f"Wrote {ITEMS} items ({len(body)} bytes) to {target}" in outcome.log


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
    assert "A file stands where a folder should be" in str(outcome.error)
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


def test_an_unknown_scheme_fails_the_task_for_good(airflow: DagRunner) -> None:
    outcome = airflow.run_task(
        write(run_id=run_scenario().id, path="{{ params.scheme }}://bucket/items.jsonl", retries=3),
        params={"scheme": "nosuch"},
    )

    assert isinstance(outcome.error, AirflowFailException)
    assert "in nosuch:// no file can appear whole or not at all. Write s3://, gs://" in str(outcome.error)
    assert "pip install" not in str(outcome.error)


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
    ("name", "compression", "opened"),
    [("items.jsonl.gz", None, gzip.decompress), ("{{ params.name }}", "{{ params.compression }}", zstd_opened)],
)
def test_a_file_may_be_compressed(
    airflow: DagRunner, tmp_path: Path, name: str, compression: str | None, opened: Callable[[bytes], bytes]
) -> None:
    outcome = airflow.run_task(
        write(run_id=run_scenario().id, path=str(tmp_path / name), compression=compression, file_format="jsonl"),
        params={"name": "items.data", "compression": "zstd"},
    )

    (file,) = tmp_path.iterdir()
    assert len(opened(file.read_bytes()).splitlines()) == ITEMS
    assert outcome.xcom()["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert outcome.xcom()["compression"] == ("zstd" if compression else "gzip")


def test_a_file_need_not_be_compressed_as_its_path_says(airflow: DagRunner, tmp_path: Path) -> None:
    path = str(tmp_path / "items.jsonl.gz")
    outcome = airflow.run_task(write(run_id=run_scenario().id, path=path, compression="none"))

    assert len((tmp_path / "items.jsonl.gz").read_bytes().splitlines()) == ITEMS
    assert outcome.xcom()["compression"] is None


def test_a_parquet_file_has_a_row_for_each_item(airflow: DagRunner, tmp_path: Path) -> None:
    outcome = airflow.run_task(write(run_id=run_scenario().id, path=str(tmp_path / "items.parquet")))

    table = pq.read_table(io.BytesIO((tmp_path / "items.parquet").read_bytes()))
    assert table.to_pylist() == [scenario_item(index) for index in range(ITEMS)]
    assert outcome.xcom()["items"] == ITEMS


def test_an_export_may_be_split(airflow: DagRunner, tmp_path: Path) -> None:
    (tmp_path / "items-00003.json").write_text("a part of a longer export before")
    outcome = airflow.run_task(
        write(run_id=run_scenario().id, path=str(tmp_path / "items-{part}.json"), items_per_file=2)
    )

    names = [f"items-{number:05d}.json" for number in range(3)]
    assert sorted(file.name for file in tmp_path.iterdir()) == names
    items = [item for name in names for item in json.loads((tmp_path / name).read_bytes())]
    assert items == [scenario_item(index) for index in range(ITEMS)]
    assert [file["items"] for file in outcome.xcom()["files"]] == [2, 2, 1]
    assert (outcome.xcom()["path"], outcome.xcom()["items"]) == (None, ITEMS)
    size = outcome.xcom()["bytes"]
    assert f"Wrote {ITEMS} items ({size} bytes in 3 files) to {tmp_path}/items-{{part}}.json" in outcome.log


@pytest.fixture
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the hook try again without pauses."""
    quick = RetryPolicy(attempts=2, first_delay=0.001, max_delay=0.002)
    monkeypatch.setattr("airflow_provider_apify.hooks._client.RetryPolicy", lambda: quick)


@pytest.mark.usefixtures("quick_retries")
def test_a_retry_of_a_split_export_goes_on_with_the_next_part_where_airflow_remembers(
    apify: LocalApify, airflow: DagRunner, tmp_path: Path
) -> None:
    run = run_scenario(items=10)
    apify.control.settings(max_items_per_request=5)
    times = RetryPolicy().patient().attempts
    apify.control.add_fault("answer", path="*/items", skip=1, times=times, status=503)
    outcome = airflow.run_task(
        write(
            run_id=run.id,
            path=str(tmp_path / "items-{part}.jsonl"),
            items_per_file=2,
            if_exists="fail" if REMEMBERS else "overwrite",
            retries=1,
            retry_delay=timedelta(0),
        )
    )

    assert isinstance(outcome.error, ApifyError)
    assert outcome.state == "success"
    lines = b"".join((tmp_path / f"items-{number:05d}.jsonl").read_bytes() for number in range(5)).splitlines()
    assert [json.loads(line) for line in lines] == [scenario_item(index) for index in range(10)]
    assert [file["items"] for file in outcome.xcom()["files"]] == [2] * 5
    words = "Files that an earlier attempt has finished: 2, with 4 items. Going on with item 5, in "
    assert (words in outcome.log) is REMEMBERS
    # Of the five items of the first attempt, four were in finished parts.
    assert apify.control.ledger().items_delivered[str(run.dataset_id)] == 5 + (6 if REMEMBERS else 10)


@pytest.mark.parametrize(
    ("if_exists", "state", "body"),
    [("fail", "failed", "old"), ("skip", "skipped", "old"), ("overwrite", "success", "")],
)
def test_a_file_that_is_there_is_replaced_kept_or_an_error(
    airflow: DagRunner, tmp_path: Path, if_exists: str, state: str, body: str
) -> None:
    target = tmp_path / "items.jsonl"
    target.write_text("old")
    outcome = airflow.run_task(write(run_id=run_scenario(items=0).id, path=str(target), if_exists=if_exists, retries=3))

    assert outcome.task_state() == state
    assert target.read_text() == body
    if state == "failed":
        assert isinstance(outcome.error, AirflowFailException)
        assert "is there already, and if_exists is 'fail'. Remove it, or overwrite it" in str(outcome.error)


@pytest.mark.parametrize("if_exists", ["fail", "skip"])
def test_where_no_file_is_there_it_is_written(airflow: DagRunner, tmp_path: Path, if_exists: str) -> None:
    outcome = airflow.run_task(write(run_id=run_scenario().id, path=str(tmp_path / "items.jsonl"), if_exists=if_exists))

    assert outcome.task_state() == "success"
    assert len((tmp_path / "items.jsonl").read_bytes().splitlines()) == ITEMS


@pytest.mark.parametrize("wanted", [{"min_items": 1}, {"fail_on_empty": True}])
def test_too_few_items_fail_the_task_and_leave_the_old_file(
    airflow: DagRunner, tmp_path: Path, wanted: dict[str, Any]
) -> None:
    target = tmp_path / "items.jsonl"
    target.write_text("old")
    outcome = airflow.run_task(write(run_id=run_scenario(items=0).id, path=str(target), **wanted))

    assert isinstance(outcome.error, ApifyDataError)
    assert "has 0 items, fewer than the 1 that the task wants" in str(outcome.error)
    assert target.read_text() == "old"


def test_too_few_items_of_a_split_export_leave_every_old_part(airflow: DagRunner, tmp_path: Path) -> None:
    target = tmp_path / "items-00000.jsonl"
    target.write_text("old")
    path = str(tmp_path / "items-{part}.jsonl")
    outcome = airflow.run_task(write(run_id=run_scenario().id, path=path, items_per_file=2, min_items=ITEMS + 1))

    assert isinstance(outcome.error, ApifyDataError)
    assert f"has {ITEMS} items, fewer than the {ITEMS + 1} that the task wants" in str(outcome.error)
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_view_that_the_actor_does_not_have_is_looked_for_in_its_dataset_schema(
    airflow: DagRunner, tmp_path: Path
) -> None:
    outcome = airflow.run_task(write(run_id=run_scenario().id, path=str(tmp_path / "items.jsonl"), view="overveiw"))

    assert isinstance(outcome.error, AirflowFailException)
    assert "look there for their names, or leave view out" in str(outcome.error)


@pytest.mark.parametrize(
    ("missing", "arguments", "extra"),
    [
        ("zstandard", {"path": "/items.jsonl.zst"}, "zstd"),
        ("airflow_provider_apify._files.formats.parquet", {"path": "/items.parquet"}, "parquet"),
    ],
)
def test_an_extra_that_is_not_installed_is_named(
    airflow: DagRunner,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    missing: str,
    arguments: dict[str, Any],
    extra: str,
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    outcome = airflow.run_task(write(run_id=run_scenario().id, path=f"{tmp_path}{arguments['path']}", retries=3))

    assert isinstance(outcome.error, AirflowFailException)
    assert f"pip install 'airflow-provider-apify[{extra}]'" in str(outcome.error)
    assert list(tmp_path.iterdir()) == []


def test_a_template_that_renders_to_a_wrong_argument_fails_the_task_for_good(airflow: DagRunner) -> None:
    outcome = airflow.run_task(
        write(run_id=run_scenario().id, path="{{ params.folder }}/items.jsonl", retries=3), params={"folder": "here"}
    )

    assert isinstance(outcome.error, AirflowFailException)
    assert "path is 'here/items.jsonl'. Give a local path that begins with '/'" in str(outcome.error)


PARTED = {"run_id": "a", "path": "/items-{part}.jsonl"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"path": "items.jsonl"}, "Give exactly one of dataset_id and run_id"),
        ({"run_id": "a", "dataset_id": "b", "path": "items.jsonl"}, "Give exactly one of dataset_id and run_id"),
        ({"run_id": "a", "path": "file://folder/x.jsonl"}, "path is 'file://folder/x.jsonl'. Give a local path"),
        ({"run_id": "a", "path": ""}, "path is ''. Give a local path that begins with '/', or a URL"),
        ({"run_id": "a", "path": "here/items.csv"}, "path is 'here/items.csv'. Give a local path"),
        *(
            ({"run_id": "a", "path": f"{scheme}://here/{{{{ ds }}}}.csv"}, f"but in {scheme}:// no file can.* abfs://")
            for scheme in ("wasb", "http", "hdfs")
        ),
        *(({"run_id": "a", "path": path}, "Give it as text, such as '/folder/items") for path in (None, 5, Path("/x"))),
        ({"run_id": "a", "path": "/items.jsonl", "if_exists": "{{ x }}"}, "if_exists is not templated: give the value"),
        *(
            ({"run_id": "a", "path": "/items.jsonl", name: "{{ x }}"}, f"{name} is '{{{{ x }}}}', but {name} is not")
            for name in ("items_per_file", "bytes_per_file", "min_items", "fail_on_empty")
        ),
        ({"run_id": "a", "path": "/items.avro"}, "'avro' is no format of a file. Give file_format as one of"),
        ({"run_id": "a", "path": "/items.avro.gz"}, "'avro' is no format of a file. Give file_format as one of"),
        ({"run_id": "a", "path": "/{{ ds }}.avro"}, "'avro' is no format of a file"),
        ({"run_id": "a", "path": "/items", "file_format": "orc"}, "'orc' is no format"),
        ({"run_id": "a", "path": "/items.csv", "delimiter": "tab"}, "delimiter must be one character"),
        ({"run_id": "a", "path": "/items.json", "delimiter": ";"}, "delimiter is for csv only, but the file is json"),
        ({"run_id": "a", "path": "/{{ ds }}.csv", "clean": True, "skip_empty": False}, "clean=True includes"),
        ({"run_id": "a", "path": "/items.jsonl", "compression": "zip"}, "compression is 'zip'. Give one of gzip, zstd"),
        (
            {"run_id": "a", "path": "/items.jsonl", "if_exists": "append"},
            "if_exists is 'append'. Give one of overwrite",
        ),
        ({"run_id": "a", "path": "/items.jsonl", "min_items": -1}, "min_items must be a whole number, at least 0"),
        ({"run_id": "a", "path": "/items.jsonl", "min_items": "many"}, "min_items must be a whole number"),
        ({"run_id": "a", "path": "/items.jsonl", "fail_on_empty": "perhaps"}, "fail_on_empty must be True or False"),
        ({**PARTED, "items_per_file": 0}, "items_per_file must be a whole number, at least 1, not 0"),
        ({**PARTED, "bytes_per_file": 1.5}, "bytes_per_file must be a whole number, at least 1, not 1.5"),
        ({**PARTED, "bytes_per_file": "1 GB"}, "bytes_per_file must be a whole number"),
        (PARTED, "A split export needs {part} in it, and only a split export: give items_per_file"),
        ({"run_id": "a", "path": "/items.jsonl", "items_per_file": 5}, "A split export needs {part} in it"),
        (
            {"run_id": "a", "path": "/{part}.csv", "items_per_file": 5},
            "A csv file cannot be split. Split jsonl or json",
        ),
        ({"run_id": "a", "path": "/{part}.parquet", "bytes_per_file": 5}, "A parquet file cannot be split"),
        ({**PARTED, "items_per_file": 5, "if_exists": "skip"}, "give 'overwrite' or 'fail', or write one file"),
        ({"dataset_id": "", "path": "/items.jsonl"}, "dataset_id is empty. If a template makes it"),
        ({"run_id": "", "path": "/items.jsonl"}, "run_id is empty"),
        ({"run_id": "a", "path": "/items/", "file_format": "csv"}, "path is '/items/', a folder. Give that of a file"),
        ({"run_id": "a", "path": "/items.parquet.gz"}, "A parquet file is compressed in itself.* leave compression"),
        ({"run_id": "a", "path": "/{{ ds }}.xlsx", "compression": "zstd"}, "A xlsx file is compressed in itself"),
        ({"run_id": "a", "path": "/{{ ds }}.jsonl.gz", "compression": "zstd"}, "the path's ending means gzip"),
        ({"run_id": "a", "path": "/items.csv", "limit": 5, "min_items": 10}, "min_items is 10, but limit takes 5"),
        *(
            ({"run_id": "a", "path": f"/items.{name}", "clean": True, "fail_on_empty": True}, "write jsonl, json, csv")
            for name in ("xlsx", "xml", "rss", "html")
        ),
    ],
)
def test_wrong_arguments_are_refused_when_the_dag_is_parsed(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        write(**arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        {"path": "/{{ params.name }}"},
        {"path": "{{ params.path }}"},
        {"path": "/{{ ds }}/items.{{ params.ending }}.gz"},
        {"path": "/{{ ds }}", "delimiter": ";"},
        {"path": "/{{ ds }}.csv.gz", "delimiter": ";"},
        {"path": "/items", "file_format": "{{ params.format }}", "delimiter": ";"},
        {"path": "/{% if x %}a.csv{% endif %}", "delimiter": ";"},
        {"path": "/items.jsonl", "compression": "{{ params.compression }}"},
        {"path": "/{{ ds }}/{part}.jsonl.zst", "items_per_file": "1000", "bytes_per_file": 10**9},
        {"path": "/{{ ds }}/{part}", "items_per_file": 1000},
        {"path": "/{{ ds }}.jsonl.gz", "compression": "none"},
        {"path": "/items.csv", "limit": "{{ params.limit }}", "min_items": 10},
        {"path": "/items.csv", "limit": 5, "min_items": 10, "unwind": "{{ params.lists }}"},
        {"path": "/items.xml", "min_items": 10, "clean": "{{ params.clean }}"},
        {"path": "/items.xml", "min_items": 10, "limit": 10},
        {"path": "/items.csv", "min_items": 10, "clean": True},
    ],
)
def test_what_depends_on_templates_is_left_until_they_are_rendered(arguments: dict[str, Any]) -> None:
    assert write(run_id="a", **arguments).path == arguments["path"]


def test_a_path_may_be_what_another_task_returns() -> None:
    with DAG("test_output_as_path", schedule=None):

        @task
        def choose() -> str:
            return "/items.jsonl"

        operator = write(run_id="a", path=choose())
    assert operator.upstream_task_ids == {"choose"}
