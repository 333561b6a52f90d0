"""The events of outlet assets say what was written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from airflow.providers.common.compat.sdk import Asset

from airflow_provider_apify._airflow.outlets import tell_outlets
from airflow_provider_apify.hooks.apify import ApifyHook
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
