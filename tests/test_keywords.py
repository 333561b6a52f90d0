"""What operators and sensors call their arguments: nothing that Airflow means something else by."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import BaseOperator, BaseSensorOperator

from airflow_provider_apify.get_provider_info import get_provider_info
from airflow_provider_apify.notifications.apify import ApifyNotifier
from airflow_provider_apify.operators.run_actor import RunActorOperator
from airflow_provider_apify.operators.run_lifecycle import ResurrectRunOperator
from airflow_provider_apify.sensors.run import ApifyRunSensor
from airflow_provider_apify.transfers.file_to_dataset import FileToDatasetOperator

# What DAGs of other providers keep in ``default_args``, too: it has to mean the same here, or nothing.
USUAL_KEYS = {
    "poll_interval",
    "deferrable",
    "wait_for_completion",
    "trigger_rule",
    "timeout",
    "mode",
    "sla",
    "key_path",
}
# Meant as everywhere: one setting for all tasks.
SHARED = {"deferrable", "wait_for_completion", "poll_interval"}
# Airflow's own argument, with another default.
HANDED_ON = {"multiple_outputs"}


def _own_keywords(cls: type) -> set[str]:
    """Return the arguments that this package gives to a class."""
    ours = [base for base in cls.__mro__ if base.__module__.startswith("airflow_provider_apify")]
    constructors = [vars(base)["__init__"] for base in ours if "__init__" in vars(base)]
    named = {name for constructor in constructors for name in inspect.signature(constructor).parameters}
    return named - HANDED_ON - {"self", "kwargs", "python_callable"}


def _airflows_keywords() -> set[str]:
    """Return what Airflow's own operators and sensors take; ``default_args`` hands it to whatever takes the same."""
    bases = (BaseOperator, BaseSensorOperator)
    named = {name for base in bases for name in inspect.signature(base.__init__).parameters}
    return named - {"self", "args", "kwargs"}


def _classes() -> Iterator[type]:
    """Yield every operator and sensor that this package has."""
    info = get_provider_info()
    modules = [module for part in ("operators", "sensors") for module in info[part][0]["python-modules"]]
    modules += [transfer["python-module"] for transfer in info["transfers"]]
    for module in (*modules, "airflow_provider_apify.decorators.apify_actor"):
        for cls in vars(import_module(module)).values():
            is_own = inspect.isclass(cls) and cls.__module__ == module and issubclass(cls, BaseOperator)
            if is_own and not cls.__name__.startswith("_"):
                yield cls


@pytest.mark.parametrize("cls", list(_classes()), ids=lambda cls: cls.__name__)
def test_no_argument_has_a_name_by_which_airflow_means_something_else(cls: type) -> None:
    own = _own_keywords(cls)
    assert own, "nothing was looked at"
    assert own & (_airflows_keywords() | USUAL_KEYS) <= SHARED
    # As an attribute, an argument must hide nothing that Airflow reads of a task.
    assert {name for name in own if hasattr(BaseOperator, name)} == set()


def test_airflow_s_keywords_are_seen() -> None:
    assert {"retries", "pool", "queue", "execution_timeout", "timeout", "mode", "soft_fail"} <= _airflows_keywords()


def test_the_timeout_of_sensors_in_default_args_is_not_the_timeout_of_a_run() -> None:
    # Airflow's way to hand them on is in the constructor of every operator, with or without a DAG.
    shared: dict[str, Any] = {"timeout": 3600, "mode": "reschedule"}
    crawl = RunActorOperator(task_id="crawl", actor_id="me/actor", default_args=shared)
    assert crawl.run_timeout is None
    push = FileToDatasetOperator(task_id="push", path="/items.jsonl", dataset_id="abc", default_args=shared)
    assert push.push_mode == "append"
    sensor = ApifyRunSensor(task_id="wait", run_id="abc", default_args=shared)
    assert (sensor.timeout, sensor.mode) == (3600, "reschedule")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (
            lambda: RunActorOperator(task_id="task", actor_id="me/actor", timeout=60),
            "RunActorOperator takes no timeout. Write run_timeout",
        ),
        (
            lambda: ResurrectRunOperator(task_id="task", run_id="abc", timeout=timedelta(minutes=1)),
            "ResurrectRunOperator takes no timeout. Write run_timeout",
        ),
        (lambda: ApifyNotifier(actor_id="me/actor", timeout=60), "ApifyNotifier takes no timeout. Write run_timeout"),
        (
            lambda: FileToDatasetOperator(task_id="task", path="/a.jsonl", dataset_id="abc", mode="complete"),
            "FileToDatasetOperator takes no mode. Write push_mode",
        ),
    ],
)
def test_a_name_that_others_use_is_answered_with_ours(make: Any, words: str) -> None:
    with pytest.raises(TypeError, match=words):
        make()
