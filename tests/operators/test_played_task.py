"""What the double promises: a dead process does nothing more, and what it has sent may arrive nevertheless."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from airflow_provider_apify.testing import LocalApify, Settings
from tests.operators.played_task import PACE, Died, Fate, PlayedTask, Stopped, Terminated
from tests.operators.test_exactly_once_property import obedient

ITS_START_IS_SENT = 2


@pytest.fixture
def apify(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalApify]:
    with LocalApify(actors=[obedient], settings=Settings(ready_seconds=0, graceful_abort_seconds=5 * PACE)) as apify:
        connection = {"conn_type": "apify", "host": apify.base_url, "password": apify.token}
        monkeypatch.setenv("AIRFLOW_CONN_APIFY_DEFAULT", json.dumps(connection))
        yield apify


def stopped_while_its_start_is_under_way(monkeypatch: pytest.MonkeyPatch, stop: Stopped) -> PlayedTask:
    task = PlayedTask(has_store=True, actor_id=obedient.name, log_lines=0)
    task.use(monkeypatch)
    task.attempt(Fate(ITS_START_IS_SENT, lambda: task.kill_and_stop(stop, "failed")))
    return task


def test_the_dead_look_for_nothing_and_abort_nothing(apify: LocalApify, monkeypatch: pytest.MonkeyPatch) -> None:
    task = stopped_while_its_start_is_under_way(monkeypatch, Died(looks=3))

    assert task.let_stragglers_arrive() == 1
    assert [run.status for run in apify.control.ledger().runs] == ["RUNNING"]


def test_who_is_terminated_may_tidy_up(apify: LocalApify, monkeypatch: pytest.MonkeyPatch) -> None:
    task = stopped_while_its_start_is_under_way(monkeypatch, Terminated(looks=3))

    assert task.let_stragglers_arrive() == 0
    assert [run.status for run in apify.control.ledger().runs] == ["ABORTED"]
