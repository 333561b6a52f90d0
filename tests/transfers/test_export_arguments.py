from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowFailException, task

from tests.dag_runs import DagRunner
from tests.transfers.exporting import run_scenario, write


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
