"""What earlier versions have left in Airflow's database and at Apify is read by this one."""

from __future__ import annotations

import inspect
import json
import logging
import time
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from airflow.providers.common.compat.sdk import ObjectStoragePath

from airflow_provider_apify import __version__
from airflow_provider_apify._api.runs.identity import Identity
from airflow_provider_apify._arguments.references import id_of
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.operators import _task_run
from airflow_provider_apify.transfers._export_memory import Checkpoint
from airflow_provider_apify.transfers._push_memory import Pushed, PushMemory
from local_apify import LocalApify
from tests.upgrades.leaving import (
    EXPORT,
    ITEMS,
    KEPT,
    PUSH,
    SCENARIO,
    Instance,
    Waited,
    first_event,
    left,
    named,
    operator_of,
    with_ids,
)

VERSIONS = {file.stem: json.loads(file.read_text()) for file in sorted(KEPT.glob("*.json"))}
each_version = pytest.mark.parametrize("kept", VERSIONS.values(), ids=VERSIONS)
each_deferral = pytest.mark.parametrize(
    ("name", "row"),
    [(name, row) for kept in VERSIONS.values() for name, row in kept["deferred"].items()],
    ids=[f"{version}-{name}" for version, kept in VERSIONS.items() for name in kept["deferred"]],
)


def instance_with(notes: dict[str, Any], attempt: int = 2) -> Instance:
    """Return a task instance of which an attempt of an earlier version has left notes."""
    instance = Instance(attempt=attempt)
    for key, note in notes.items():
        instance.store.set(key, note)
    return instance


def run_of_before(apify: LocalApify, marker: str) -> str:
    """Return the ID of a run that an earlier version has started."""
    (run_id,) = apify.control.add_past_runs(SCENARIO, [Instance().began], user_agent=marker)
    return run_id


def resumed(row: dict[str, Any], event: dict[str, Any]) -> Any:
    """Resume a task that an earlier version has deferred, and return what it returns."""
    operator, instance = operator_of(row["operator"], row["arguments"]), instance_with(row["notes"], attempt=1)
    if "until" in event:
        event["until"] = time.time() + 600  # it was to give up long ago
        operator.wait_for_completion = False
    with patch.object(_task_run, "state_of", return_value="running"):
        return operator.resume_execution(row["method"], {**row["kwargs"], "event": event}, instance.context(operator))


def retried(row: dict[str, Any], instance: Instance) -> Any:
    """Play the next attempt of a task, and return what it returns."""
    operator = operator_of(row["operator"], row["arguments"])
    return inspect.unwrap(type(operator).execute)(operator, instance.context(operator))


def shape_of(value: Any) -> Any:
    """Return the names and types that a value is made of."""
    if isinstance(value, dict):
        return {key: shape_of(each) for key, each in value.items()}
    if isinstance(value, list):
        return [shape_of(each) for each in value[:2]]
    return type(value).__name__


@each_deferral
def test_a_task_that_an_earlier_version_has_deferred_goes_on(apify: LocalApify, name: str, row: dict[str, Any]) -> None:
    waited = Waited(apify)
    end = waited.begin(name)
    if name == "run":
        waited.note_run(ApifyHook().start_run(SCENARIO, row["arguments"]["run_input"]).id)
    row = with_ids(row, waited.ids)
    trigger_class, arguments = row["trigger"]
    trigger = named(trigger_class)(**arguments)

    end()
    returned = resumed(row, first_event(trigger))

    assert trigger.serialize() == (trigger_class, trigger.serialize()[1] | arguments)
    assert returned
    if name == "run":
        assert (returned["run_id"], returned["item_count"]) == (waited.ids["RUN"], ITEMS)
        assert returned.keys() >= row["returns"].keys()


@each_deferral
def test_an_event_of_an_earlier_trigger_is_understood(apify: LocalApify, name: str, row: dict[str, Any]) -> None:
    waited = Waited(apify)
    if row["event"].get("run"):
        waited.note_run(ApifyHook().start_run(SCENARIO, {"items": ITEMS}).id)
    waited.ids.setdefault("DATASET", "prices")
    row = with_ids(row, waited.ids)

    assert resumed(row, row["event"]), name


@each_version
def test_a_retry_goes_on_with_the_run_that_an_earlier_version_has_noted(
    apify: LocalApify, kept: dict[str, Any]
) -> None:
    row = kept["deferred"]["run"]
    run_id = run_of_before(apify, row["marker"])
    row = with_ids(row, {"RUN": run_id})

    assert retried(row, instance_with(row["notes"]))["run_id"] == run_id
    assert len(apify.control.ledger().runs) == 1


@each_version
def test_a_retry_finds_the_run_whose_start_an_earlier_version_did_not_survive(
    apify: LocalApify, kept: dict[str, Any]
) -> None:
    row = kept["deferred"]["run"]
    run_id = run_of_before(apify, row["marker"])
    instance = instance_with(kept["start"])
    instance.store.set("apify_run", kept["start"]["apify_run"] | {"since": instance.began.timestamp()})

    assert retried(row, instance)["run_id"] == run_id
    assert len(apify.control.ledger().runs) == 1
    assert Identity.parse(row["marker"]) == Identity.of(Instance().context(None)["ti"])


@each_version
def test_a_retry_goes_on_behind_the_files_that_an_earlier_version_has_written(
    kept: dict[str, Any], tmp_path: Path
) -> None:
    files = [file for entry in ("apify_export_0", "apify_export") for file in kept["export"][entry]["files"]]
    for number, file in enumerate(files):
        (tmp_path / str(number)).write_bytes(b"." * file["bytes"])

    def path(number: int) -> ObjectStoragePath:
        return ObjectStoragePath(str(tmp_path / str(number)))

    context = instance_with(kept["export"]).context(None)
    done = Checkpoint(context, EXPORT, path, logging.getLogger(__name__)).done

    assert [file.path for file in done.files] == [file["path"] for file in files]
    assert list(done.counts) == kept["export"]["apify_export"]["counts"]


@each_version
def test_a_retry_goes_on_behind_the_items_that_an_earlier_version_has_pushed(kept: dict[str, Any]) -> None:
    context = instance_with(kept["push"]).context(None)

    assert PushMemory(context, "DATASET", PUSH).recall() == Pushed(before=2, items=3, look_first=True)


@each_version
def test_what_a_task_of_an_earlier_version_has_returned_names_its_run_and_storages(kept: dict[str, Any]) -> None:
    returned = kept["deferred"]["run"]["returns"]

    assert id_of("run", returned) == "RUN"
    assert id_of("dataset", returned) == "DATASET"
    assert id_of("key_value_store", returned) == "STORE"


def test_what_this_version_leaves_behind_is_kept_for_those_that_follow(apify: LocalApify) -> None:
    """Where this fails, and the version is not released: ``python -m tests.upgrades.leaving``; else raise it first."""
    assert shape_of(left(apify, apify.control.reset)) == shape_of(VERSIONS[__version__])
