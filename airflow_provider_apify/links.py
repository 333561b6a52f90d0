"""Links from a task to the run and the storages it deals with, visible at once, also while the task is deferred.

The task stores each URL as an XCom, and Airflow's server reads that: it has neither the connection nor this package.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import BaseOperatorLink, XCom

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperator, Context, TaskInstanceKey

    from airflow_provider_apify.hooks.apify import ApifyHook
    from airflow_provider_apify.models.console import Console
    from airflow_provider_apify.models.runs import ActorRun
    from airflow_provider_apify.models.storages import StorageKind

STORED_LINKS = "_stored_links"
"""Attribute of an operator at work: the URL under each key, where it knows all that is stored."""


class _StoredLink(BaseOperatorLink):
    """A link whose URL the operator has stored under ``key``."""

    name: ClassVar[str]
    key: ClassVar[str]

    @property
    def xcom_key(self) -> str:
        """Where the URL is stored."""
        return self.key

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the URL, or an empty string where there is none.

        Airflow's worker asks, too, when the task ends. What is not stored would be an error in its log then.
        """
        stored: Mapping[str, str] | None = getattr(operator, STORED_LINKS, None)
        if stored is not None:
            return stored.get(self.key, "")
        return XCom.get_value(key=self.key, ti_key=ti_key) or ""


class ApifyRunLink(_StoredLink):
    """The run in Apify Console."""

    name = "Apify run"
    key = "apify_run_link"


class ApifyDatasetLink(_StoredLink):
    """The dataset in Apify Console: the run's default one, or the one that the task reads or writes."""

    name = "Apify dataset"
    key = "apify_dataset_link"


class ApifyKeyValueStoreLink(_StoredLink):
    """The key-value store in Apify Console: the run's default one, or the one that the task reads."""

    name = "Apify key-value store"
    key = "apify_key_value_store_link"


class ApifyRequestQueueLink(_StoredLink):
    """The request queue in Apify Console."""

    name = "Apify request queue"
    key = "apify_request_queue_link"


RUN_LINKS = (ApifyRunLink(), ApifyDatasetLink(), ApifyKeyValueStoreLink())
"""Of whatever deals with a whole run."""
_STORAGE_KEYS: Mapping[StorageKind, str] = {
    "dataset": ApifyDatasetLink.key,
    "key_value_store": ApifyKeyValueStoreLink.key,
    "request_queue": ApifyRequestQueueLink.key,
}


def links_of_run(run: ActorRun) -> dict[str, str]:
    """Return the URL for the key of each link of :data:`RUN_LINKS` that the run has."""
    storages: dict[StorageKind, str | None] = {"dataset": run.dataset_id, "key_value_store": run.key_value_store_id}
    return {ApifyRunLink.key: run.console_url} | links_of(run.console, storages=storages)


def links_of(
    console: Console, run_id: str | None = None, *, storages: Mapping[StorageKind, str | None] | None = None
) -> dict[str, str]:
    """Return the URL for the key of each link.

    :param run_id: the run, if one is known.
    :param storages: the ID of each kind of storage, as far as it is known.
    """
    urls = {} if run_id is None else {ApifyRunLink.key: console.run(run_id)}
    return urls | {_STORAGE_KEYS[kind]: console.storage(kind, each) for kind, each in (storages or {}).items() if each}


def store_links(operator: BaseOperator, context: Context, links: Mapping[str, str]) -> None:
    """Make links visible on the task instance of an operator at work, unless they are.

    Without one that keeps XComs, as in a test that executes an operator by itself, there is nobody to show them to.

    :param links: the URL for each key, in place of those of before.
    """
    push = getattr(context.get("ti"), "xcom_push", None)
    if push is None or links == getattr(operator, STORED_LINKS, None):
        return
    for key, url in links.items():
        push(key=key, value=url)
    setattr(operator, STORED_LINKS, links)


def place_of(hook: ApifyHook, run_id: str) -> str:
    """Say where a run is to be looked at, for an error, also where no connection could be looked up."""
    return hook.console.run(run_id) if hook._is_connected else f"run {run_id}"


def tell_run(context: Context, run: ActorRun) -> None:
    """Make the IDs of a run XComs of its task instance from the start, so that they outlive a run that fails."""
    told = {
        "run_id": run.id,
        "dataset_id": run.dataset_id,
        "key_value_store_id": run.key_value_store_id,
        "run_url": run.console_url,
    }
    if getattr(context["task"], "do_xcom_push", True):
        for key, value in told.items():
            context["ti"].xcom_push(key=key, value=value)


def stored_run_id(context: Context) -> str | None:
    """Return the ID of the run whose link is stored on this task instance, by this process or one before."""
    ti = context["ti"]
    # Airflow 3 logs an error for an index without an XCom, and none for a task without indexes.
    index: dict[str, Any] = {} if ti.map_index in {None, -1} else {"map_indexes": ti.map_index}
    url = ti.xcom_pull(task_ids=ti.task_id, key=ApifyRunLink.key, **index)
    return url.rpartition("/")[2] if isinstance(url, str) and url else None
