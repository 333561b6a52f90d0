from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_apify import links
from airflow_provider_apify.links import ApifyDatasetLink, ApifyKeyValueStoreLink, ApifyRunLink, store_links
from airflow_provider_apify.models.runs import ActorRun

LINKS = [ApifyRunLink(), ApifyDatasetLink(), ApifyKeyValueStoreLink()]


class _TaskInstance:
    """Keeps what a task pushes."""

    def __init__(self) -> None:
        self.xcom: dict[str, str] = {}

    def xcom_push(self, key: str, value: str) -> None:
        self.xcom[key] = value


def _stored(**run: Any) -> dict[str, str]:
    ti = _TaskInstance()
    context: Any = {"ti": ti}
    store_links(context, ActorRun.from_api({"id": "r1", "actId": "a1", "status": "READY", **run}))
    return ti.xcom


def test_a_run_s_places_in_console_are_stored_under_each_link_s_key() -> None:
    stored = _stored(defaultDatasetId="d1", defaultKeyValueStoreId="k1")
    assert {link.name: stored[link.xcom_key] for link in LINKS} == {
        "Apify run": "https://console.apify.com/actors/runs/r1",
        "Apify dataset": "https://console.apify.com/storage/datasets/d1",
        "Apify key-value store": "https://console.apify.com/storage/key-value/k1",
    }


def test_a_run_without_storages_has_its_own_link_only() -> None:
    assert list(_stored()) == [ApifyRunLink().xcom_key]


@pytest.mark.parametrize("link", LINKS, ids=lambda link: link.name)
@pytest.mark.parametrize(
    ("kept", "shown"), [("https://console.apify.com/x", "https://console.apify.com/x"), (None, "")]
)
def test_a_link_shows_what_its_task_instance_stored(
    link: links.ApifyRunLink, kept: str | None, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, object]] = []

    class Stored:
        @staticmethod
        def get_value(*, key: str, ti_key: object) -> str | None:
            asked.append((key, ti_key))
            return kept

    monkeypatch.setattr(links, "XCom", Stored)
    operator: Any = None
    ti_key: Any = ("a_dag", "a_task", "a_run", 1, -1)
    assert link.get_link(operator, ti_key=ti_key) == shown
    assert asked == [(link.xcom_key, ti_key)]
