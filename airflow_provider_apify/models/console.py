"""Where people look at runs and storages: Apify Console, or what a connection names in its place. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

from airflow_provider_apify.models._fields import is_run
from airflow_provider_apify.models.storages import StorageKind

APIFY_CONSOLE = "https://console.apify.com"
_FOLDERS: Mapping[StorageKind, str] = {
    "dataset": "datasets",
    "key_value_store": "key-value",
    "request_queue": "request-queues",
}


def is_page(url: Any) -> TypeGuard[str]:
    """Tell whether an address is that of a page: others, such as ``javascript:``, would do something when followed."""
    return isinstance(url, str) and url.startswith(("https://", "http://"))


@dataclass(frozen=True)
class Console:
    """A console, whose pages are at the paths of Apify Console.

    :param base_url: without a slash at its end.
    """

    base_url: str = APIFY_CONSOLE

    def run(self, run_id: str) -> str:
        """Return the page of a run."""
        return f"{self.base_url}/actors/runs/{run_id}"

    def storage(self, kind: StorageKind, storage_id: str) -> str:
        """Return the page of a storage.

        :param kind: ``"dataset"``, ``"key_value_store"`` or ``"request_queue"``.
        """
        return f"{self.base_url}/storage/{_FOLDERS[kind]}/{storage_id}"

    def told_by(self, data: dict[str, Any]) -> dict[str, Any]:
        """Return what Apify answers with the page of each run, where that is not in Apify Console.

        So whoever speaks of a run, in a result, an error or a log, names the same page, also where the run has
        travelled through Airflow's database meanwhile.
        """
        if self.base_url == APIFY_CONSOLE:
            return data
        if is_run(data):
            return {**data, "consoleUrl": self.run(data["id"])}
        items = data.get("items")
        if not isinstance(items, list):
            return data
        return {**data, "items": [self.told_by(item) if isinstance(item, dict) else item for item in items]}
