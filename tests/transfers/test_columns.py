"""The columns of a Parquet file, chosen by the task or described by the Actor."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_apify.exceptions import ApifyDataError
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.transfers.dataset_to_file import DatasetToFileOperator
from local_apify import ActorContext, LocalApify, actor
from tests.dag_runs import DagRunner

SCHEMA = {
    "actorSpecification": 1,
    "fields": {
        "type": "object",
        "properties": {"name": {"type": "string"}, "price": {"type": ["number", "null"]}, "more": {"type": "object"}},
    },
    "views": {},
}


@actor("me/described", dataset_schema=SCHEMA)
async def described(context: ActorContext) -> None:
    """Store one item."""
    await context.push_data([{"name": "a", "price": 1, "more": {"b": [1]}, "other": 5}])


def write(**arguments: Any) -> DatasetToFileOperator:
    return DatasetToFileOperator(**({"task_id": "task"} | arguments))


def dataset_with(*items: dict[str, Any]) -> str:
    hook = ApifyHook()
    dataset_id = hook.create_dataset("prices").id
    hook.push_items(dataset_id, items)
    return dataset_id


@pytest.mark.parametrize("columns", ["{{ params.columns }}", {"price": "{{ params.type }}", "tags": "list<string>"}])
@pytest.mark.usefixtures("apify")
def test_a_parquet_file_has_the_columns_that_the_task_or_its_templates_name(
    airflow: DagRunner, tmp_path: Path, columns: Any
) -> None:
    dataset_id = dataset_with({"price": 1, "tags": ["a"], "other": 1})
    task = write(dataset_id=dataset_id, path=str(tmp_path / "day.parquet"), columns=columns)
    outcome = airflow.run_task(task, params={"columns": {"price": "double", "tags": "list<string>"}, "type": "double"})

    assert outcome.xcom()["items"] == 1
    table = pq.read_table(tmp_path / "day.parquet")
    assert table.to_pylist() == [{"price": 1.0, "tags": ["a"]}]
    assert "Fields that columns does not name are left out: other." in outcome.log


@pytest.mark.usefixtures("apify")
def test_a_value_that_does_not_fit_fails_the_task_or_becomes_null(airflow: DagRunner, tmp_path: Path) -> None:
    given: dict[str, Any] = {"dataset_id": dataset_with({"a": 1}, {"a": "x"}), "path": str(tmp_path / "day.parquet")}
    outcome = airflow.run_task(write(**given, columns={"a": "int64"}))
    assert isinstance(outcome.error, ApifyDataError)
    assert "item 2 has a text in 'a', which does not fit its column: int64" in str(outcome.error)
    assert list(tmp_path.iterdir()) == []

    outcome = airflow.run_task(write(**given, columns={"a": "int64"}, on_misfit="null"))
    assert pq.read_table(tmp_path / "day.parquet")["a"].to_pylist() == [1, None]
    assert "1 values that do not fit their columns became null: a (1)." in outcome.log


def test_the_actor_describes_the_columns_in_its_dataset_schema(
    airflow: DagRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with LocalApify(actors=[described]) as apify:
        connection = {"conn_type": "apify", "host": apify.base_url, "password": apify.token}
        monkeypatch.setenv("AIRFLOW_CONN_APIFY_DESCRIBED", json.dumps(connection))
        hook = ApifyHook("apify_described")
        run = hook.wait_for_run(hook.start_run("me/described").id).run
        path = str(tmp_path / "day.parquet")
        airflow.run_task(write(run_id=run.id, path=path, columns="dataset_schema", apify_conn_id="apify_described"))

    assert pq.read_table(tmp_path / "day.parquet").to_pylist() == [{"name": "a", "price": 1.0, "more": '{"b":[1]}'}]


@pytest.mark.usefixtures("apify")
def test_a_dataset_whose_actor_describes_nothing_fails_for_good(airflow: DagRunner, tmp_path: Path) -> None:
    path = str(tmp_path / "day.parquet")
    outcome = airflow.run_task(write(dataset_id=dataset_with({"a": 1}), path=path, columns="dataset_schema", retries=3))
    assert isinstance(outcome.error, AirflowFailException)
    assert "describes no fields in one. Name the columns." in str(outcome.error)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"path": "/x.csv", "columns": {"a": "string"}}, "columns is for parquet only, but the file is csv"),
        ({"columns": {"a": "decimal"}}, "columns has the type 'decimal'. Give one of string"),
        ({"columns": {}}, "columns is empty"),
        ({"columns": ["a"]}, r"columns is \['a'\]. Give a mapping of names to types"),
        ({"columns": "a, b"}, "columns is 'a, b'. Give a mapping of names to types, .* or 'dataset_schema'"),
        ({"columns": {"a": "string"}, "on_misfit": "drop"}, "on_misfit is 'drop'. Give one of fail, null"),
        ({"columns": {"a": "string"}, "on_misfit": "{{ x }}"}, "on_misfit is not templated"),
        ({"on_misfit": "null"}, "on_misfit is for columns"),
    ],
)
def test_wrong_columns_are_refused_when_the_dag_is_parsed(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        write(**({"dataset_id": "a", "path": "/x.parquet"} | arguments))
