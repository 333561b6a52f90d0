"""Links from a task to Apify Console, visible as soon as the run is started, also while the task is deferred.

The operator stores each URL as an XCom of its task instance; Airflow's server reads it without importing this package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from airflow.providers.common.compat.sdk import BaseOperatorLink, XCom

from airflow_provider_apify.models.runs import CONSOLE_URL, ActorRun

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperator, Context, TaskInstanceKey


class _ConsoleLink(BaseOperatorLink):
    """A link whose URL the operator has stored under ``key``."""

    name: ClassVar[str]
    key: ClassVar[str]

    @property
    def xcom_key(self) -> str:
        """Where the URL is stored."""
        return self.key

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002 - Airflow's signature
        """Return the URL, or an empty string before the run is started."""
        return XCom.get_value(key=self.key, ti_key=ti_key) or ""


class ApifyRunLink(_ConsoleLink):
    """The run in Apify Console."""

    name = "Apify run"
    key = "apify_run_link"


class ApifyDatasetLink(_ConsoleLink):
    """The run's default dataset in Apify Console."""

    name = "Apify dataset"
    key = "apify_dataset_link"


class ApifyKeyValueStoreLink(_ConsoleLink):
    """The run's default key-value store in Apify Console."""

    name = "Apify key-value store"
    key = "apify_key_value_store_link"


def store_links(context: Context, run: ActorRun) -> None:
    """Make the links of a run visible on its task instance."""
    urls = {
        ApifyRunLink.key: run.console_url,
        ApifyDatasetLink.key: run.dataset_id and f"{CONSOLE_URL}/storage/datasets/{run.dataset_id}",
        ApifyKeyValueStoreLink.key: run.key_value_store_id
        and f"{CONSOLE_URL}/storage/key-value/{run.key_value_store_id}",
    }
    for key, url in urls.items():
        if url:
            context["ti"].xcom_push(key=key, value=url)


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
    url = ti.xcom_pull(task_ids=ti.task_id, key=ApifyRunLink.key, map_indexes=ti.map_index)
    return url.rpartition("/")[2] if isinstance(url, str) and url else None
