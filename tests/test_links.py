from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_apify import links
from airflow_provider_apify.links import RUN_LINKS, ApifyRequestQueueLink, ApifyRunLink, links_of, links_of_run
from airflow_provider_apify.models.console import Console
from airflow_provider_apify.models.runs import ActorRun

LINKS = [*RUN_LINKS, ApifyRequestQueueLink()]


def _run(**told: Any) -> ActorRun:
    return ActorRun.from_api({"id": "r1", "actId": "a1", "status": "READY", **told})


def test_a_run_s_places_in_console_have_the_keys_of_its_links() -> None:
    stored = links_of_run(_run(defaultDatasetId="d1", defaultKeyValueStoreId="k1"))
    assert {link.name: stored[link.xcom_key] for link in RUN_LINKS} == {
        "Apify run": "https://console.apify.com/actors/runs/r1",
        "Apify dataset": "https://console.apify.com/storage/datasets/d1",
        "Apify key-value store": "https://console.apify.com/storage/key-value/k1",
    }


def test_a_run_without_storages_has_its_own_link_only() -> None:
    assert list(links_of_run(_run())) == [ApifyRunLink().xcom_key]


def test_the_links_of_a_run_lead_where_the_connection_that_read_it_says() -> None:
    console = Console("http://127.0.0.1:8010/pages")
    told = console.told_by({"id": "r1", "actId": "a1", "status": "READY", "defaultDatasetId": "d1"})
    assert set(links_of_run(ActorRun.from_api(told)).values()) == {
        "http://127.0.0.1:8010/pages/actors/runs/r1",
        "http://127.0.0.1:8010/pages/storage/datasets/d1",
    }


def test_what_is_not_known_has_no_link() -> None:
    assert links_of(Console()) == {}
    assert links_of(Console(), None, storages={"dataset": None, "request_queue": "q1"}) == {
        "apify_request_queue_link": "https://console.apify.com/storage/request-queues/q1"
    }


class _Airflow:
    """Stands for Airflow's store of XComs."""

    def __init__(self, kept: str | None) -> None:
        self._kept = kept
        self.asked: list[tuple[str, object]] = []

    def get_value(self, *, key: str, ti_key: object) -> str | None:
        self.asked.append((key, ti_key))
        return self._kept


TI_KEY: Any = ("a_dag", "a_task", "a_run", 1, -1)


@pytest.mark.parametrize("link", LINKS, ids=lambda link: link.name)
@pytest.mark.parametrize(
    ("kept", "shown"), [("https://console.apify.com/x", "https://console.apify.com/x"), (None, "")]
)
def test_a_link_shows_what_its_task_instance_stored(
    link: links.ApifyRunLink, kept: str | None, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = _Airflow(kept)
    monkeypatch.setattr(links, "XCom", store)
    operator: Any = None
    assert link.get_link(operator, ti_key=TI_KEY) == shown
    assert store.asked == [(link.xcom_key, TI_KEY)]


@pytest.mark.parametrize(("stored", "shown"), [({}, ""), ({ApifyRunLink.key: "https://x"}, "https://x")])
def test_an_operator_that_knows_its_links_is_believed_and_airflow_is_not_asked(
    stored: dict[str, str], shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = _Airflow("https://of-another-attempt")
    monkeypatch.setattr(links, "XCom", store)
    operator: Any = SimpleNamespace(_stored_links=stored)
    assert ApifyRunLink().get_link(operator, ti_key=TI_KEY) == shown
    assert store.asked == []
