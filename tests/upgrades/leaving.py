"""What a version leaves behind for those that follow: deferred tasks, notes, XComs, and markers of runs at Apify.

``python -m tests.upgrades.leaving`` keeps what this version leaves in ``kept/<version>.json``, with words in place of
the IDs of runs and storages. What a released version has left is never written anew.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from airflow.providers.common.compat.sdk import ObjectStoragePath, TaskDeferred

from airflow_provider_apify import __version__
from airflow_provider_apify._airflow.state_store import STORE
from airflow_provider_apify._files.loading.survey import Survey
from airflow_provider_apify._files.split import Done, WrittenFile
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.operators import _task_run
from airflow_provider_apify.operators._run_memory import RunMemory
from airflow_provider_apify.transfers._export_memory import Checkpoint
from airflow_provider_apify.transfers._push_memory import Pushed, PushMemory
from local_apify import LocalApify
from tests.local_apify.client import limit_usage

KEPT = Path(__file__).with_name("kept")
SCENARIO = "apify/scenario"
ITEMS = 3
EXPORT, PUSH = "d1", Survey(items=5, sha256="digest")
DEFERRED: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "run": (
        "airflow_provider_apify.operators.run_actor.RunActorOperator",
        {
            "actor_id": SCENARIO,
            "run_input": {"durationSecs": 1, "items": ITEMS},
            "abort_above_usd": 5,
            "follow_log": True,
        },
    ),
    "capacity of a run": (
        "airflow_provider_apify.operators.run_actor.RunActorOperator",
        {"actor_id": SCENARIO, "wait_for_capacity": 5},
    ),
    "sensor of a run": ("airflow_provider_apify.sensors.run.ApifyRunSensor", {"run_id": "RUN"}),
    "sensor of the next run": (
        "airflow_provider_apify.sensors.run.ApifyRunSensor",
        {"actor_id": SCENARIO, "started_after": "2020-01-01T00:00:00+00:00", "poke_interval": 0.1},
    ),
    "sensor of items": (
        "airflow_provider_apify.sensors.dataset.ApifyDatasetSensor",
        {"dataset_id": "DATASET", "min_items": ITEMS, "poke_interval": 0.1},
    ),
    "sensor of capacity": ("airflow_provider_apify.sensors.capacity.ApifyCapacitySensor", {"poke_interval": 0.1}),
}
"""Class and arguments of each task that defers; what it waits for is not so at first."""


class Store(dict[str, str]):
    """Airflow's state store of one task instance, which keeps JSON."""

    def get(self, key: str, default: Any = None) -> Any:
        return json.loads(self[key]) if key in self else default

    def set(self, key: str, value: Any) -> None:
        self[key] = json.dumps(value)


def notes_of(instance: Instance) -> dict[str, Any]:
    """Return what a task instance has noted."""
    return {key: json.loads(note) for key, note in instance.store.items()}


@dataclass
class Instance:
    """A task instance, as far as an operator sees it."""

    store: Store = field(default_factory=Store)
    attempt: int = 1
    xcoms: dict[str, Any] = field(default_factory=dict)
    began: datetime = field(default_factory=lambda: datetime.now(UTC))

    def context(self, operator: Any) -> Any:
        instance = SimpleNamespace(
            dag_id="dag",
            task_id="task",
            run_id="run",
            map_index=-1,
            max_tries=2,
            try_number=self.attempt,
            start_date=self.began,
            xcom_push=lambda key, value: self.xcoms.update({key: value}),
            xcom_pull=lambda key, **_: self.xcoms.get(key),
        )
        dag_run = SimpleNamespace(
            start_date=self.began, logical_date=self.began, run_type="manual", run_after=self.began
        )
        return {"ti": instance, "task": operator, "dag_run": dag_run, STORE: self.store, "params": {}}


def named(path: str) -> Any:
    """Return the class of a path, as Airflow finds it."""
    module, _, name = path.rpartition(".")
    return getattr(import_module(module), name)


def operator_of(path: str, arguments: Mapping[str, Any]) -> Any:
    """Make a task that defers."""
    return named(path)(task_id="task", deferrable=True, **arguments)


def defer(operator: Any, instance: Instance) -> TaskDeferred:
    """Have a task go as far as where it defers.

    :raises AssertionError: it did not.
    """
    try:
        with patch.object(_task_run, "state_of", return_value="running"):
            inspect.unwrap(type(operator).execute)(operator, instance.context(operator))
    except TaskDeferred as deferral:
        return deferral
    raise AssertionError("The task has not deferred.")


def first_event(trigger: Any) -> Any:
    """Have a trigger wait, and return what it reports, as Airflow's database gives it back."""
    return json.loads(json.dumps(asyncio.run(anext(trigger.run())).payload))


class Waited:
    """What deferred tasks wait for: not so at first, and brought about when it is time."""

    def __init__(self, apify: LocalApify) -> None:
        self._apify, self._hook = apify, ApifyHook()
        self.ids: dict[str, str] = {}

    def begin(self, name: str) -> Callable[[], object]:
        """Make what a task needs to wait; return what ends that."""
        if name == "sensor of a run":
            run = self._hook.start_run(SCENARIO, {"durationSecs": 1, "items": ITEMS})
            self.note_run(run.id)
        elif name == "sensor of the next run":
            return lambda: self.note_run(self._hook.start_run(SCENARIO, {"items": ITEMS}).id)
        elif name == "sensor of items":
            dataset = self._hook.create_dataset("prices").id
            self.ids["DATASET"] = dataset
            return lambda: self._hook.push_items(dataset, [{"id": number} for number in range(ITEMS)])
        elif "capacity" in name:
            self._apify.control.settings(max_concurrent_runs=1)
            limit_usage(self._apify, 5)
            run = self._hook.start_run(SCENARIO, {"durationSecs": 600})
            return lambda: self._hook.abort_run(run.id)
        return lambda: None

    def note_run(self, run_id: str) -> None:
        """Note the IDs that stand for a run and its storages."""
        run = self._hook.get_run(run_id)
        self.ids |= {"RUN": run.id, "DATASET": str(run.dataset_id), "STORE": str(run.key_value_store_id)}
        self.ids["QUEUE"] = run.raw["defaultRequestQueueId"]


def with_words(value: Any, ids: Mapping[str, str]) -> Any:
    """Return a value with words in place of IDs."""
    text = json.dumps(value)
    for word, each in ids.items():
        text = text.replace(each, word)
    return json.loads(text)


def with_ids(value: Any, ids: Mapping[str, str]) -> Any:
    """Return a value with IDs in place of words."""
    text = json.dumps(value)
    for word, each in ids.items():
        text = text.replace(f'"{word}"', f'"{each}"')
    return json.loads(text)


def _left_by_deferred(apify: LocalApify, name: str) -> dict[str, Any]:
    path, arguments = DEFERRED[name]
    waited, instance = Waited(apify), Instance()
    end = waited.begin(name)
    deferral = defer(operator_of(path, with_ids(arguments, waited.ids)), instance)
    if name == "run":
        waited.note_run(instance.xcoms["run_id"])
    trigger_class, trigger_arguments = deferral.trigger.serialize()
    end()
    row = {
        "operator": path,
        "arguments": arguments,
        "trigger": [trigger_class, trigger_arguments],
        "method": deferral.method_name,
        "kwargs": deferral.kwargs or {},
        "event": first_event(deferral.trigger),
        "notes": notes_of(instance),
    }
    if name == "run":
        operator = operator_of(path, arguments)
        keywords = {**row["kwargs"], "event": row["event"]}
        row["returns"] = operator.resume_execution(row["method"], keywords, instance.context(operator))
        row["marker"] = ApifyHook().get_run(waited.ids["RUN"]).user_agent
    found: dict[str, Any] = with_words(row, waited.ids)
    return found


def _left_by_a_start() -> dict[str, Any]:
    """Return what is noted where a process dies while it starts its run."""
    instance = Instance()
    RunMemory(instance.context(None)).note_intent()
    return notes_of(instance)


def _left_by_an_export() -> dict[str, Any]:
    instance = Instance()
    log = logging.getLogger(__name__)
    checkpoint = Checkpoint(instance.context(None), EXPORT, lambda number: ObjectStoragePath(f"/{number}"), log)
    files = [WrittenFile(f"file:///data/{number}.jsonl", 5, 15, "digest") for number in range(101)]
    for count in (100, 101):
        checkpoint.note(Done(files[:count], [count * 5]))
    return notes_of(instance)


def _left_by_a_push() -> dict[str, Any]:
    instance = Instance()
    PushMemory(instance.context(None), "DATASET", PUSH).note(Pushed(before=2, items=3))
    return notes_of(instance)


def left(apify: LocalApify, empty: Callable[[], object]) -> dict[str, Any]:
    """Return what this version leaves behind.

    :param empty: empties the local Apify.
    """
    deferred = {}
    for name in DEFERRED:
        empty()
        deferred[name] = _left_by_deferred(apify, name)
    return {
        "deferred": deferred,
        "start": _left_by_a_start(),
        "export": _left_by_an_export(),
        "push": _left_by_a_push(),
    }


def main() -> None:
    """Keep what this version leaves behind."""
    with LocalApify() as apify:
        extra = {"cost_settle_seconds": 0, "start_settle_seconds": 0.5}
        os.environ["AIRFLOW_CONN_APIFY_DEFAULT"] = json.dumps(
            {"conn_type": "apify", "host": apify.base_url, "password": apify.token, "extra": extra}
        )
        found = left(apify, apify.control.reset)
    text = json.dumps(found, indent=1, sort_keys=True).replace(apify.base_url, "APIFY")
    (KEPT / f"{__version__}.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
