"""Airflow names that moved between 2.11 and 3.3 and that common-compat does not cover in every release."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from inspect import signature
from typing import Any

from airflow import __version__ as _AIRFLOW_VERSION  # noqa: N812 - what does not change

_MASK_SECRET_HOMES = (
    "airflow.sdk.log",
    "airflow.sdk.execution_time.secrets_masker",
    "airflow.utils.log.secrets_masker",
)
_TEXT_RENDERER_HOMES = ("airflow.sdk.definitions._internal.templater", "airflow.utils.helpers")
_ERROR_HOMES = ("airflow.sdk.exceptions", "airflow.exceptions")
_DAG_BAG_HOMES = ("airflow.dag_processing.dagbag", "airflow.models.dagbag")
_TIMED_OUT = "Trigger/execution timeout"


def mask_secret(secret: str) -> None:
    """Have Airflow replace a secret by ``***`` in everything it logs and renders."""
    _first("mask_secret", _MASK_SECRET_HOMES)(secret)


def leave_none_out(ti: Any) -> None:
    """Keep Airflow 3.0 from failing a task instance for an XCom that is ``None``: who pulls what is not there gets it.

    Each key of a result is an XCom, and the API server of 3.0 refuses the value ``None`` (mended in 3.1).
    """
    if not _AIRFLOW_VERSION.startswith("3.0."):
        return
    push = ti.xcom_push

    def push_what_is_something(key: str, value: Any) -> None:
        if value is not None:
            push(key, value)

    object.__setattr__(ti, "xcom_push", push_what_is_something)  # a model, which takes no new attributes otherwise


def text_renderer() -> Any:
    """Return what renders a template with Airflow's context as text."""
    return _first("render_template_to_string", _TEXT_RENDERER_HOMES)


def dags_of(path: str) -> tuple[Mapping[str, Any], Mapping[str, str]]:
    """Read the DAGs of a file or folder; return them by ID, and the errors by file."""
    make = _first("DagBag", _DAG_BAG_HOMES)
    # Where it has the argument, it would read Airflow's own examples, too.
    plain = {"include_examples": False} if "include_examples" in signature(make).parameters else {}
    bag = make(dag_folder=path, **plain)
    return bag.dags, bag.import_errors


def plain_xcom_arg() -> type:
    """Return the class of a task's output."""
    found: type = _first("PlainXComArg", ("airflow.sdk.definitions.xcom_arg", "airflow.models.xcom_arg"))
    return found


def deferral_errors() -> tuple[type[Exception], ...]:
    """Return the errors that Airflow raises in a task whose trigger failed or timed out; Airflow 3 has two."""
    error = _first("TaskDeferralError", _ERROR_HOMES)
    return error, getattr(import_module(error.__module__), "TaskDeferralTimeout", error)


def is_deferral_timeout(error: BaseException) -> bool:
    """Tell whether an error of a deferred task says that it has waited too long; Airflow 2 tells only by its words."""
    _, timeout = deferral_errors()
    return isinstance(error, timeout) and (timeout.__name__ == "TaskDeferralTimeout" or _TIMED_OUT in str(error))


def _first(name: str, homes: tuple[str, ...]) -> Any:
    for home in homes:
        try:
            return getattr(import_module(home), name)
        except (ImportError, AttributeError):
            continue
    raise ImportError(f"This Airflow has no {name} in any of {', '.join(homes)}.")
