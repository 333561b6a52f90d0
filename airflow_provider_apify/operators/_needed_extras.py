"""Drivers that tasks need, looked for before money is spent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from airflow_provider_apify._extras import installing, missing_modules
from airflow_provider_apify.operators._base import ApifyTask

_OF_A_FILE = ("path", "file_format", "compression")


@dataclass(frozen=True)
class Lack:
    """A task needs an extra of this package that is not installed here.

    :param modules: what the extra would bring.
    """

    task_id: str
    extra: str
    modules: list[str]

    def __str__(self) -> str:
        return f"Task {self.task_id} needs {' and '.join(self.modules)}: {installing(self.extra)}"


def lacking(tasks: Iterable[Any]) -> Iterator[Lack]:
    """Yield what tasks need that is not installed here; none of it is imported.

    :param tasks: of a DAG, mapped ones and those of others included.
    """
    from airflow_provider_apify._files.drivers import extras_of  # noqa: PLC0415 - not where a DAG is only read

    for task in sorted(tasks, key=lambda task: str(task.task_id)):
        cls, arguments = getattr(task, "operator_class", type(task)), getattr(task, "partial_kwargs", vars(task))
        if not issubclass(cls, ApifyTask):
            continue
        for extra in sorted(extras_of(*map(arguments.get, _OF_A_FILE))):
            if modules := missing_modules(extra):
                yield Lack(task.task_id, extra, modules)
