"""``check``: whether DAGs will find here what they need."""

from __future__ import annotations

import platform
from argparse import Namespace
from collections.abc import Iterator

from airflow import __version__ as airflow_version

from airflow_provider_apify import __version__
from airflow_provider_apify._airflow.compat import dags_of
from airflow_provider_apify._extras import MODULES, installing, missing_modules
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.operators._needed_extras import lacking


def check(options: Namespace) -> tuple[str, bool]:
    """Return a report, and whether all is well.

    An extra that is missing is a problem only where a DAG needs it.
    """
    is_good, said = ApifyHook(options.conn_id).test_connection()
    wrong = [line for path in options.paths for line in _of_dags(path)]
    lines = [
        f"airflow-provider-apify {__version__}, Airflow {airflow_version}, Python {platform.python_version()}",
        f"Connection {options.conn_id}: {'works' if is_good else 'DOES NOT WORK'}. {said}",
        "Extras:",
        *(f"  {line}" for line in _extras()),
        *(["DAGs:", *(f"  {line}" for line in wrong or ["have all they need"])] if options.paths else []),
    ]
    return "\n".join(lines) + "\n", is_good and not wrong


def _extras() -> Iterator[str]:
    width = max(map(len, MODULES))
    for extra in MODULES:
        missing = missing_modules(extra)
        state = f"no {' and '.join(missing)}: {installing(extra)}" if missing else "is there"
        yield f"{extra:<{width}}  {state}"


def _of_dags(path: str) -> Iterator[str]:
    """Yield what is wrong with the DAGs of a file or folder."""
    dags, errors = dags_of(path)
    for file, error in errors.items():
        yield f"{file} cannot be read: {error.strip().splitlines()[-1]}"
    if not dags and not errors:
        yield f"{path} has no DAGs"
    for dag_id, dag in dags.items():
        yield from (f"{dag_id}: {lack}" for lack in lacking(dag.tasks))
