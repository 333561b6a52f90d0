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
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_apify.exceptions import ApifyDataError, ApifyError
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.options import RetryPolicy, Target
from local_apify import LocalApify, scenario_item
from tests.dag_runs import REMEMBERS, DagRunner
from tests.transfers.exporting import ITEMS, run_scenario, write

NOT_FOUND: dict[str, Any] = {"status": 404, "error_type": "record-not-found", "times": None}


def zstd_opened(body: bytes) -> bytes:
    return zstandard.ZstdDecompressor().decompressobj().decompress(body)


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


def test_a_file_that_cannot_be_written_fails_the_task_with_the_reason(airflow: DagRunner, tmp_path: Path) -> None:
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
