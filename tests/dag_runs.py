"""Run DAGs in this process, on a real database, the way ``dag.test()`` does, and look at what they leave behind."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib import import_module
from importlib.metadata import version
from io import StringIO
from itertools import count
from typing import Any
from unittest.mock import patch

import pytest
from pluggy import HookimplMarker
from psutil import Process

AIRFLOW_VERSION = version("apache-airflow")
NEEDS_API_OF_AIRFLOW_3 = pytest.mark.skipif(
    AIRFLOW_VERSION.startswith("2."),
    reason="a running Airflow is played with over the REST API of Airflow 3; 2.11 has another",
)
"""Of tests that start Airflow as processes; on 2.11, its UI is used in a browser instead: ``make browser``."""
TOO_NEW = {
    example
    for example, too_old in {
        "apify_follow_runs": ("2.",),
        "apify_each_finished_run": ("2.", "3.0.", "3.1."),
    }.items()
    if AIRFLOW_VERSION.startswith(too_old)
}
"""Examples that need a newer Airflow."""
REMEMBERS = not AIRFLOW_VERSION.startswith(("2.", "3.0.", "3.1.", "3.2."))
"""Whether this Airflow keeps notes of a task instance from one attempt to the next."""
START_DATE = datetime(2026, 1, 1, tzinfo=UTC)
_DATE_ARGUMENT = "execution_date" if AIRFLOW_VERSION.startswith("2.") else "logical_date"
_numbers = count(1)


@dataclass(frozen=True)
class Outcome:
    """A DAG run that is over.

    :param state: of the DAG run.
    :param errors: the exception that failed each task, or sent it into a retry, by its id.
    :param log: all that Airflow and the tasks have logged.
    """

    state: str
    errors: Mapping[str, BaseException]
    log: str
    _run: Any

    def task_instance(self, task_id: str = "task") -> Any:
        """Return a task instance as it is in the database."""
        return self._run.get_task_instance(task_id)

    def task_state(self, task_id: str = "task", *, map_index: int = -1) -> str:
        """Return the final state of a task."""
        return str(self._run.get_task_instance(task_id, map_index=map_index).state)

    def xcom(self, task_id: str = "task", *, key: str = "return_value", map_index: int = -1) -> Any:
        """Return what a task has stored under a key; ``None`` where it has not."""
        instance = self._run.get_task_instance(task_id, map_index=map_index)
        return instance.xcom_pull(task_ids=task_id, key=key, map_indexes=map_index)

    @property
    def logical_date(self) -> datetime | None:
        """The run's logical date."""
        date: datetime | None = self._run.logical_date
        return date

    @property
    def error(self) -> BaseException:
        """The only error."""
        (error,) = self.errors.values()
        return error


class DagRunner:
    """Runs DAGs and collects what they log.

    :param read_output: returns what was written to stdout and stderr since it was last called.
    """

    def __init__(self, read_output: Callable[[], str]) -> None:
        self._read_output = read_output
        _share_the_worker_api()
        _silence_debugging()

    def run_task(self, operator: Any, *, conf: Mapping[str, Any] | None = None, **dag_arguments: Any) -> Outcome:
        """Run one operator in a DAG of its own."""
        from airflow.providers.common.compat.sdk import DAG  # noqa: PLC0415 - after the tests' Airflow is set up

        dag = DAG(f"test_{next(_numbers)}", schedule=None, start_date=START_DATE, **dag_arguments)
        dag.add_task(operator)
        return self.run(dag, conf=conf)

    def run(self, dag: Any, *, conf: Mapping[str, Any] | None = None, date: datetime | None = None) -> Outcome:
        """Run a DAG to its end.

        :param date: the run's logical date; without one, the run has none on Airflow 3, as one that an asset triggers.
        """
        dag.resolve_template_files()
        _save(dag)
        self._read_output()
        with _logged() as log, _failures() as errors, _dates_of_reschedules():
            run = dag.test(run_conf=dict(conf or {}), **{_DATE_ARGUMENT: date})
        return Outcome(str(getattr(run.state, "value", run.state)), errors, self._read_output() + log.getvalue(), run)


class _FailureListener:
    """Airflow's own way, in every version, to hear of the exception that failed a task or sent it into a retry."""

    def __init__(self) -> None:
        self.errors: dict[str, BaseException] = {}

    @HookimplMarker("airflow")
    def on_task_instance_failed(self, task_instance: Any, error: BaseException) -> None:
        """Remember the error by its task's id."""
        self.errors[task_instance.task_id] = error


@contextmanager
def _failures() -> Iterator[dict[str, BaseException]]:
    """Collect the errors of tasks while the block runs."""
    manager = _first_module("airflow.sdk.listener", "airflow.listeners.listener").get_listener_manager()
    listener = _FailureListener()
    manager.add_listener(listener)
    try:
        yield listener.errors
    finally:
        manager.pm.unregister(listener)


@contextmanager
def _dates_of_reschedules() -> Iterator[None]:
    """Give a rescheduled sensor the date it asks for: in one process Airflow 3.0 leaves it the text of the answer."""
    if not AIRFLOW_VERSION.startswith("3.0."):
        yield
        return
    answer = import_module("airflow.sdk.execution_time.comms").TaskRescheduleStartDate
    with patch.object(answer, "model_construct", answer):
        yield


@contextmanager
def _logged() -> Iterator[StringIO]:
    """Collect what goes to the loggers of the standard library; up to Airflow 3.0 tasks use them."""
    text = StringIO()
    root = logging.getLogger()
    loggers, level = [root, logging.getLogger("airflow.task")], root.level
    handlers = [list(logger.handlers) for logger in loggers]
    for logger in loggers:
        logger.addHandler(logging.StreamHandler(text))
    root.setLevel(logging.INFO)  # as a triggerer has it
    try:
        yield text
    finally:  # ``dag.test()`` leaves handlers of its own behind
        root.setLevel(level)
        for logger, earlier in zip(loggers, handlers, strict=True):
            logger.handlers[:] = earlier


def dag_bag(path: str | os.PathLike[str]) -> Any:
    """Read the DAGs of a file as Airflow does."""
    return _dag_bags().DagBag(dag_folder=os.fspath(path))


def only_dag(path: str | os.PathLike[str]) -> Any:
    """Read the DAG of a file that has one, under an ID that no DAG in the database has; retry its tasks at once."""
    bag = dag_bag(path)
    assert bag.import_errors == {}
    (dag,) = bag.dags.values()
    dag.dag_id = f"{dag.dag_id}_{next(_numbers)}"
    for task in dag.tasks:
        task.retry_delay = timedelta(0)
    return dag


def serde() -> Any:
    """Return the module with which Airflow writes the arguments of triggers."""
    return _first_module("airflow.sdk.serde", "airflow.serialization.serde")


def in_a_triggerer(trigger: Any, task_instance: Any) -> None:
    """Run a trigger to its first event with what a triggerer gives it: on Airflow 3, a line to its supervisor."""
    if AIRFLOW_VERSION.startswith("2."):
        asyncio.run(anext(trigger.run()))
        return
    supervisors = import_module("airflow.sdk.execution_time.supervisor")
    if hasattr(supervisors.InProcessTestSupervisor, "run_trigger_in_process"):
        supervisors.InProcessTestSupervisor.run_trigger_in_process(trigger=trigger, ti=task_instance)
        return
    with supervisors.set_supervisor_comms(_supervisor_comms(supervisors, task_instance)):
        asyncio.run(anext(trigger.run()))


def _supervisor_comms(supervisors: Any, task_instance: Any) -> Any:
    """Return a line to a supervisor, put together as Airflow 3.1 and later do it for triggers of ``dag.test()``."""
    supervisor = supervisors.InProcessTestSupervisor(
        id=task_instance.id,
        pid=os.getpid(),
        process=Process(),
        process_log=None,
        client=supervisors.InProcessTestSupervisor._api_client(),
    )
    supervisor.comms = supervisors.InProcessSupervisorComms(supervisor=supervisor)
    return supervisor.comms


def _dag_bags() -> Any:
    return _first_module("airflow.dag_processing.dagbag", "airflow.models.dagbag")


def _first_module(newer: str, older: str) -> Any:
    """Import what Airflow 3.2 has moved, from where this Airflow has it."""
    try:
        return import_module(newer)
    except ModuleNotFoundError:
        return import_module(older)


def _share_the_worker_api() -> None:
    """Have Airflow build the API of its workers once, as 3.3 does by itself; 3.0 to 3.2 take seconds for each task."""
    if AIRFLOW_VERSION.startswith("2."):
        return
    supervisors: Any = import_module("airflow.sdk.execution_time.supervisor")
    if not hasattr(supervisors.in_process_api_server, "cache_info"):
        supervisors.in_process_api_server = cache(supervisors.in_process_api_server)


def _silence_debugging() -> None:
    """Log from INFO on: in one process Airflow 3.0 logs what tasks tell their supervisor, even the secrets to mask."""
    if AIRFLOW_VERSION.startswith("3.0."):
        structlog = import_module("structlog")
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.INFO))


def _save(dag: Any) -> None:
    """Put the DAG into the database, where Airflow 3 looks for it."""
    if AIRFLOW_VERSION.startswith("2."):
        return
    import_module("airflow.dag_processing.bundles.manager").DagBundlesManager().sync_bundles_to_db()
    dag.relative_fileloc = "test.py"
    bag = dag_bag(os.devnull)
    bag.bag_dag(dag)
    if hasattr(bag, "sync_to_db"):  # Airflow 3.0
        bag.sync_to_db("dags-folder", None)
    else:
        _dag_bags().sync_bag_to_db(bag, "dags-folder", None)


def die_at_the_end_of_the_first_attempt(context: Any, result: Any) -> None:  # noqa: ARG001 - Airflow's signature
    """Fail the first attempt of a task, once it has done all; as its ``post_execute``."""
    if context["ti"].try_number == 1:
        raise RuntimeError("died at the end")
