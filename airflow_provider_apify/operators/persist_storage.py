"""The operator that keeps a storage beyond its run's retention."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast, get_args

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_apify._airflow.arguments import Reference
from airflow_provider_apify._airflow.failing import failing_fast
from airflow_provider_apify._arguments.references import Kind, check_id
from airflow_provider_apify._arguments.templates import is_template
from airflow_provider_apify._arguments.values import check_storage_name
from airflow_provider_apify.hooks.apify import ApifyHook
from airflow_provider_apify.links import (
    ApifyDatasetLink,
    ApifyKeyValueStoreLink,
    ApifyRequestQueueLink,
    links_of,
    store_links,
)
from airflow_provider_apify.models.storages import StorageKind
from airflow_provider_apify.operators._base import ApifyTask

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

_TEMPLATE = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)


class PersistStorageOperator(ApifyTask):
    """Give the dataset, key-value store or request queue of a run a name, so that it outlives the run.

    Apify deletes storages without a name some days after their run. It may be repeated. A storage that has another name
    keeps it, and that is an error; so is a name that another storage has.

    Reference: https://docs.apify.com/api/v2/dataset-put

    :param persist_as: the name: letters, digits and hyphens, for example
        ``"prices-{{ (dag_run.logical_date or dag_run.run_after) | ds }}"``. (templated)
    :param run_id: the run, finished or not, whose default storage is meant. Give this or ``storage_id``. (templated)
    :param storage_id: the storage itself. (templated)
    :param storage: what it is: ``"dataset"``, ``"key_value_store"`` or ``"request_queue"``.
    :param apify_conn_id: Airflow connection of type ``apify``. (templated)
    :return: (XCom) ``id``, ``name``, ``storage`` and ``console_url``.
    :raises ValueError: at parse time, wrong arguments.
    :raises AirflowFailException: no such run or storage, it has another name, or the name is taken.
    """

    operator_extra_links = (ApifyDatasetLink(), ApifyKeyValueStoreLink(), ApifyRequestQueueLink())
    template_fields: Sequence[str] = ("persist_as", "run_id", "storage_id", "apify_conn_id")

    def __init__(
        self,
        *,
        persist_as: str,
        run_id: Reference | None = None,
        storage_id: Reference | None = None,
        storage: StorageKind = "dataset",
        apify_conn_id: str = ApifyHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.persist_as = persist_as
        self.run_id = cast("str | None", run_id)
        self.storage_id = cast("str | None", storage_id)
        self.storage = storage
        self.apify_conn_id = apify_conn_id
        self._check_arguments()

    def execute(self, context: Context) -> dict[str, Any]:
        """Name the storage."""
        with failing_fast():
            self._check_arguments()  # again, with the templates rendered
            named = self.hook.name_storage(self.storage, self.storage_id or self._of_run(), self.persist_as)
        store_links(self, context, links_of(self.hook.console, storages={self.storage: named["id"]}))
        self.log.info("The %s %s is kept as %s.", self._words, named["id"], named["name"])
        return {
            "id": named["id"],
            "name": named["name"],
            "storage": self.storage,
            "console_url": self.hook.console.storage(self.storage, named["id"]),
        }

    @property
    def _id_kinds(self) -> Mapping[str, Kind]:
        return {"run_id": "run", "storage_id": self.storage}

    @property
    def _words(self) -> str:
        return self.storage.replace("_", "-")

    def _of_run(self) -> str:
        run = self.hook.get_run(self.run_id or "")
        storage_id: str | None = getattr(run, f"{self.storage}_id")
        if not storage_id:
            raise AirflowFailException(f"Run {run.id} has no default {self._words}.")
        return storage_id

    def _check_arguments(self) -> None:
        """Check what is known before templates are rendered, so that a mistake shows when the DAG is parsed."""
        if (self.run_id is None) == (self.storage_id is None):
            raise ValueError("Give exactly one of run_id (whose default storage is meant) and storage_id.")
        if self.storage not in get_args(StorageKind):
            raise ValueError(f"storage is {self.storage!r}. Give one of {', '.join(get_args(StorageKind))}.")
        check_id("run", self.run_id)
        check_id(self.storage, self.storage_id)
        # Whatever a template becomes, an "a" in its place leaves the letters around it to be judged.
        name = _TEMPLATE.sub("a", self.persist_as) if isinstance(self.persist_as, str) else self.persist_as
        if not is_template(name):
            check_storage_name("persist_as", name)
