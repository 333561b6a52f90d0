from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from airflow_provider_apify._airflow.state_store import STORE
from airflow_provider_apify.models.runs import ActorRun
from airflow_provider_apify.operators._seen_run import history_before, was_seen
from tests._api.answering import run_data


class Store(dict[str, Any]):
    """Airflow's task state store, as far as it is used."""

    def get(self, key: str, default: Any = None) -> Any:
        return super().get(key, default)

    def set(self, key: str, value: Any) -> None:
        self[key] = value


def context_of(max_tries: int, store: Any = None) -> Any:
    return {"ti": SimpleNamespace(max_tries=max_tries), STORE: store}


def run_with(*, reboots: int, **changes: Any) -> ActorRun:
    return ActorRun.from_api(run_data(stats={"rebootCount": reboots}, **changes))


def test_what_a_run_was_like_is_remembered_for_its_retries_and_not_for_a_rerun_or_another_run() -> None:
    store = Store()
    before, after = (run_with(reboots=count) for count in (0, 1))
    assert history_before(context_of(2, store), before)["reboots"] == 0
    assert history_before(context_of(2, store), after)["reboots"] == 0
    assert history_before(context_of(4, store), after)["reboots"] == 1
    assert history_before(context_of(4, store), run_with(reboots=7, id="other"))["reboots"] == 7


def test_that_a_run_was_seen_is_remembered_for_reruns_too_and_not_for_another_run() -> None:
    store = Store()
    assert not was_seen(context_of(2, store), "run1")
    history_before(context_of(2, store), run_with(reboots=0))
    assert was_seen(context_of(2, store), "run1")
    assert was_seen(context_of(4, store), "run1")
    assert not was_seen(context_of(2, store), "other")


def test_before_airflow_3_3_nothing_is_remembered() -> None:
    assert history_before(context_of(2), run_with(reboots=1))["reboots"] == 1
    assert not was_seen(context_of(2), "run1")
