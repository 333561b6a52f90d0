"""The events of outlet assets say what was written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock
from uuid import uuid4

import pytest
from airflow.providers.common.compat.sdk import Asset, AssetAlias

from airflow_provider_apify._airflow.outlets import file_uri, tell_outlets
from airflow_provider_apify.assets import dataset_asset
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.operators.run_actor import RunActorOperator
from airflow_provider_apify.options import Target
from airflow_provider_apify.transfers.dataset_to_file import DatasetToFileOperator
from tests.dag_runs import AIRFLOW_VERSION, DagRunner

IS_AIRFLOW_2 = AIRFLOW_VERSION.startswith("2.")


@contextmanager
def database() -> Iterator[Any]:
    session = import_module("airflow.settings").Session()
    try:
        yield session
        session.commit()
    finally:
        session.close()


def make_known(uri: str) -> None:
    """Do what Airflow 2's scheduler does with the assets of a DAG; ``dag.test()`` of Airflow 3 does it by itself."""
    if IS_AIRFLOW_2:
        with database() as session:
            session.add(import_module("airflow.models.dataset").DatasetModel(uri=uri))


def make_known_alias(name: str) -> None:
    """Do the same with an alias."""
    if IS_AIRFLOW_2:
        with database() as session:
            session.add(import_module("airflow.models.dataset").DatasetAliasModel(name=name))


def extras_of_events(uri: str) -> list[dict[str, Any]]:
    """Return what the events of an asset carry."""
    models = import_module("airflow.models.dataset" if IS_AIRFLOW_2 else "airflow.models.asset")
    if IS_AIRFLOW_2:
        events, assets, key = models.DatasetEvent, models.DatasetModel, models.DatasetEvent.dataset_id
    else:
        events, assets, key = models.AssetEvent, models.AssetModel, models.AssetEvent.asset_id
    with database() as session:
        return [each.extra for each in session.query(events).join(assets, assets.id == key).filter(assets.uri == uri)]


def test_an_event_of_an_outlet_carries_the_manifest(airflow: DagRunner, tmp_path: Path) -> None:
    hook = ApifyHook()
    run = hook.start_run(Target("actor", "apify/scenario"), {"items": 5})
    hook.wait_for_run(run.id)
    uri = f"s3://bucket/{tmp_path.name}.jsonl"
    make_known(uri)
    outcome = airflow.run_task(
        DatasetToFileOperator(task_id="task", run_id=run.id, path=str(tmp_path / "items.jsonl"), outlets=[Asset(uri)])
    )

    assert outcome.xcom()["items"] == 5
    assert extras_of_events(uri) == [outcome.xcom()]


def test_an_event_of_a_dataset_carries_the_run_that_has_filled_it(airflow: DagRunner) -> None:
    dataset = dataset_asset(f"me~{uuid4().hex}")
    make_known(dataset.uri)
    run = RunActorOperator(task_id="task", actor_id="apify/scenario", run_input={"items": 5}, outlets=[dataset])
    outcome = airflow.run_task(run)

    (extra,) = extras_of_events(dataset.uri)
    assert extra == outcome.xcom()
    assert (extra["item_count"], extra["status"]) == (5, "SUCCEEDED")


@pytest.mark.parametrize("deferrable", [False, True])
def test_an_alias_stands_for_the_dataset_of_the_run(airflow: DagRunner, *, deferrable: bool) -> None:
    alias = AssetAlias(f"alias_{uuid4().hex}")
    make_known_alias(alias.name)
    run = RunActorOperator(task_id="task", actor_id="apify/scenario", outlets=[alias], deferrable=deferrable)
    outcome = airflow.run_task(run)

    assert extras_of_events(f"apify://dataset/{outcome.xcom()['dataset_id']}") == [outcome.xcom()]


def test_a_run_that_nobody_waits_for_is_told_as_well(airflow: DagRunner) -> None:
    dataset = dataset_asset(f"me~{uuid4().hex}")
    make_known(dataset.uri)
    run = RunActorOperator(task_id="task", actor_id="apify/scenario", wait_for_completion=False, outlets=[dataset])
    outcome = airflow.run_task(run)

    assert extras_of_events(dataset.uri) == [outcome.xcom()]
    assert outcome.xcom()["run_id"]


def test_a_task_that_fails_tells_no_asset(airflow: DagRunner) -> None:
    dataset = dataset_asset(f"me~{uuid4().hex}")
    make_known(dataset.uri)
    run = RunActorOperator(task_id="task", actor_id="apify/scenario", run_input={"endAs": "FAILED"}, outlets=[dataset])

    assert airflow.run_task(run).state == "failed"
    assert extras_of_events(dataset.uri) == []


def test_an_alias_stands_for_the_file_that_is_written(airflow: DagRunner, tmp_path: Path) -> None:
    hook = ApifyHook()
    run = hook.wait_for_run(hook.start_run(Target("actor", "apify/scenario"), {"items": 5}).id).run
    alias = AssetAlias(f"alias_{uuid4().hex}")
    make_known_alias(alias.name)
    path = tmp_path / "items.jsonl"
    outcome = airflow.run_task(DatasetToFileOperator(task_id="task", run_id=run.id, path=str(path), outlets=[alias]))

    assert extras_of_events(f"file://{path}") == [outcome.xcom()]


def test_an_alias_cannot_fail_a_task_whose_file_is_there(logged: Callable[[], str]) -> None:
    """Airflow's SFTP provider takes no URI without a host, and hosts stand in connections."""
    context: Any = {"task": SimpleNamespace(outlets=[AssetAlias("alias")]), "outlet_events": MagicMock()}

    tell_outlets(context, {"bytes": 5}, ["sftp:///folder/items.jsonl"])
    assert "An asset alias gets no event of what was written: URI format sftp://" in logged()


@pytest.mark.parametrize(
    ("path", "uri"),
    [
        ("/folder/items.jsonl", "file:///folder/items.jsonl"),
        ("local:///folder/items.jsonl", "file:///folder/items.jsonl"),
        ("s3://bucket/day/items.jsonl", "s3://bucket/day/items.jsonl"),
        ("s3a://my_connection@bucket/items.jsonl", "s3://bucket/items.jsonl"),
        ("gcs://bucket/a@b/items-{part}.jsonl", "gs://bucket/a@b"),
        ("/folder/{key}", "file:///folder"),
        ("/folder/#1?.jsonl", "file:///folder/#1?.jsonl"),
    ],
)
def test_a_file_is_named_without_the_connection_and_many_by_their_folder(path: str, uri: str) -> None:
    assert file_uri(path) == uri


def test_outlets_that_are_no_assets_are_left_alone() -> None:
    asset, other = SimpleNamespace(uri="s3://bucket/a"), SimpleNamespace(name="alias")
    extras: dict[int, Any] = {id(asset): SimpleNamespace(extra={"mine": 1})}
    events = type("Events", (), {"__getitem__": lambda _self, outlet: extras[id(outlet)]})()
    context: Any = {"task": SimpleNamespace(outlets=[asset, other]), "outlet_events": events}
    tell_outlets(context, {"items": 5})
    assert extras[id(asset)].extra == {"mine": 1, "items": 5}


def test_a_task_without_outlets_tells_nobody() -> None:
    context: Any = {"task": SimpleNamespace(outlets=None)}
    tell_outlets(context, {"items": 5})
